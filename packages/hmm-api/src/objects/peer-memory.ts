import type { Device } from './device.js'

/** Memory of a device, in one of its BARs, that a peer may reach (`pci_p2pdma_add_resource`). */
export class PeerMemory {
  readonly device: Device
  readonly bar: number

  /** @internal */
  constructor(device: Device, bar: number) {
    this.device = device
    this.bar = bar
  }
}
