import {
  ENTRY_DMA_MAPPED,
  ENTRY_ERROR,
  ENTRY_PEER,
  ENTRY_PEER_BUS,
  ENTRY_REQ_FAULT,
  ENTRY_VALID,
  ENTRY_WRITE,
  openBackend,
  type Backend,
  type Mirror,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { rawOf } from '@hmm-sdk/hmm-api/raw'
import { createBackend } from '@hmm-sdk/backend-sim'
import { afterEach, beforeEach, expect, it } from 'vitest'

let backend: Backend
let mirror: Mirror
let range: VirtualRange

/** Page 0 is written, 1 only read, 2 untouched, 3 a hole. */
beforeEach(async () => {
  backend = await openBackend({ backend: createBackend })
  const device = await backend.openDevice('demo')
  const space = await backend.createAddressSpace()
  range = await space.mmap({ pages: 4 })
  await space.write(range.start, Uint8Array.of(1))
  await space.read(range.page(1).start, 1)
  await space.munmap(range.page(3))
  mirror = await device.mirror(space, range, { invalidate: () => undefined })
})

afterEach(() => backend.close())

// HMM_PFN_INOUT_FLAGS: what the helpers for DMA have written there outlives every fault.
it.each([
  { name: 'a snapshot', defaultFlags: 0, pages: 4 },
  { name: 'a fault', defaultFlags: ENTRY_REQ_FAULT, pages: 3 },
])('$name keeps the flags that stay in every entry, and no other', async (request) => {
  const stay = (ENTRY_DMA_MAPPED | ENTRY_PEER | ENTRY_PEER_BUS) >>> 0
  const other = (ENTRY_VALID | ENTRY_WRITE | ENTRY_ERROR) >>> 0
  const { pages, defaultFlags } = request
  const found = async (before: number): Promise<number[]> => {
    const entries = new Uint32Array(2 * pages).fill(before)
    await rawOf(mirror).fault({ first: 0, pages, defaultFlags, mask: 0, entries }, {})
    return Array.from({ length: pages }, (_, index) => entries[2 * index + 1]!)
  }
  const plain = await found(0)
  const faulted = [(ENTRY_VALID | ENTRY_WRITE) >>> 0, ENTRY_VALID]
  expect(plain).toEqual(
    defaultFlags === 0 ? [...faulted, 0, ENTRY_ERROR] : [...faulted, ENTRY_VALID],
  )
  expect(await found((stay | other) >>> 0)).toEqual(plain.map((flags) => (flags | stay) >>> 0))
})

// The copy of the zero page is an invalidation itself: the first round never holds.
it('a fault that is never left in peace ends at its deadline', async () => {
  const writing = mirror.fault(range.page(1), { request: 'write', deadlineMs: 1e-6 })
  await expect(writing).rejects.toMatchObject({ code: 'EBUSY' })
  await mirror.fault(range.page(1), { request: 'write', deadlineMs: 1e-6 })
})
