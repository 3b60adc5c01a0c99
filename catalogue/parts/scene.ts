import type { AddressSpace, Backend, Device, VirtualRange } from '@hmm-sdk/hmm-api'
import type { SimControl } from '@hmm-sdk/backend-sim'
import type { World } from '@hmm-sdk/backend-sim/explore'
import { Heap } from './heap.js'

/** What most drivers of the catalogue are about: a process, a device, memory, and a heap. */
export interface Scene {
  readonly world: World
  readonly backend: Backend
  readonly control: SimControl
  readonly space: AddressSpace
  readonly device: Device
  readonly heap: Heap
  /** Private anonymous memory of the process, present. */
  readonly buffer: VirtualRange
}

/** Opens a scene, runs `run` in it, and closes it; what `run` made it has to close itself. */
export async function withScene(
  world: World,
  run: (scene: Scene) => Promise<void>,
  options: { readonly pages?: number } = {},
): Promise<void> {
  const { backend, control } = world
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const buffer = await space.mmap({ pages: options.pages ?? 1, populate: true })
  const heap = new Heap()
  await run({ world, backend, control, space, device, heap, buffer })
  await device.close()
  await space.close()
  heap.check()
}
