// A device with memory that peers may map, QEMU's ivshmem: bound to the module, which knows edu only by itself.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ID = '1af4:1110'
const DRIVER = '/sys/bus/pci/drivers/hmm_sdk'
const DEVICES = '/sys/bus/pci/devices'

/** For the config of a backend. */
export const PEER = { kernel: { pci: ID } }

/** What became of it, in a line. */
export function addPeer() {
  const found = pciDevices(ID)
  if (found.length === 0) return `no device ${ID} to be a peer`
  try {
    if (!existsSync(join(DRIVER, found[0]))) {
      writeFileSync(join(DRIVER, 'new_id'), ID.replace(':', ' '))
    }
    const memory = join(DEVICES, found[0], 'p2pmem/size')
    return existsSync(memory)
      ? `memory for peers on ${found.join(', ')}: ${readFileSync(memory, 'utf8').trim()} bytes each`
      : `${found.join(', ')}: this kernel makes no memory for peers of it`
  } catch (error) {
    return `no memory for peers: ${error.message}`
  }
}

/** Addresses of the PCI devices with that vendor and device. */
export function pciDevices(id) {
  const read = (device, file) =>
    readFileSync(join(DEVICES, device, file), 'utf8')
      .trim()
      .slice(2)
  return readdirSync(DEVICES).filter(
    (device) => `${read(device, 'vendor')}:${read(device, 'device')}` === id,
  )
}
