/** Memory of the guest, where nothing else is said. */
export const MEMORY_MIB = 4096

/** Parts of it, all above 4 GiB, that the kernel does not take for its own. */
const PERSISTENT = '128M!5G'
const COHERENT_SIZE = '64M'
const COHERENT_START = '5632M'

/**
 * Words of the kernel's command line: some of the memory is persistent, for tests of DAX, and some is kept
 * for device-coherent pages.
 *
 * @param {number} memoryMiB
 */
export function reservedMemoryArguments(memoryMiB) {
  if (memoryMiB < MEMORY_MIB) return []
  return [`memmap=${PERSISTENT}`, `memmap=${COHERENT_SIZE}$${COHERENT_START}`]
}

/**
 * Arguments of the module: where the memory for device-coherent pages is.
 *
 * @param {number} memoryMiB
 */
export function coherentArguments(memoryMiB) {
  return memoryMiB < MEMORY_MIB ? '' : `coherent=${COHERENT_SIZE}@${COHERENT_START}`
}
