import { equal, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { virtualAddress, type VirtualAddress } from '../../../address/address.js'
import { VirtualRange } from '../../../address/virtual-range.js'

export const description = `
Ranges that make no sense are refused before anything happens, with an error that says what is wrong:
misaligned, wrapping around, empty, outside of what is watched, of the wrong page size. Each with the
nearest range that is fine.`

const plus = (address: VirtualAddress, bytes: number) => virtualAddress(address + BigInt(bytes))

export const group = caseGroup('input/range', [], {
  misaligned: async (t) => {
    const range = await t.mmap(2)
    throws(RangeError, () => VirtualRange.of(plus(range.start, 1), 1, range.pageShift))
    VirtualRange.of(plus(range.start, t.pageSize), 1, range.pageShift)
  },

  'wraps-around': async (t) => {
    const { pageShift } = await t.mmap(1)
    const last = virtualAddress((1n << 64n) - BigInt(t.pageSize))
    throws(RangeError, () => VirtualRange.of(last, 2, pageShift))
    equal(VirtualRange.of(last, 1, pageShift).end, 1n << 64n)
  },

  'zero-pages': async (t) => {
    const range = await t.mmap(1)
    throws(TypeError, () => VirtualRange.of(range.start, 0, range.pageShift), 'a range')
    await rejects(TypeError, () => t.mmap(0), 'mmap')
  },

  'not-a-number-of-pages': async (t) => {
    await rejects(TypeError, () => t.mmap(1.5), 'one and a half')
    await rejects(TypeError, () => t.mmap(-1), 'minus one')
    await rejects(TypeError, () => t.mmap(Number.NaN), 'not a number')
    await rejects(TypeError, () => t.mmap(2 ** 53), 'far too many')
  },

  'misaligned-mmap': async (t) => {
    const range = await t.mmap(1)
    await rejects(RangeError, () => t.mmap(1, { at: plus(range.start, 8) }))
    await t.mmap(1, { at: range.start })
  },

  'not-a-range': async (t) => {
    await rejects(TypeError, () => t.space.munmap({ startPage: 1, pages: 1 } as VirtualRange))
  },

  'of-another-page-size': async (t) => {
    const range = await t.mmap(16)
    const other = range.pageShift === 12 ? 16 : 12
    await rejects(TypeError, () => t.space.munmap(VirtualRange.fromPages(16, 1, other)))
  },

  'outside-the-mirror': needing(['mirror'], async (t) => {
    const range = await t.mmap(3)
    const { mirror } = await t.watch(range.page(1))
    await rejects(RangeError, mirror.fault(range.slice(0, 2)), 'beginning before it')
    await rejects(RangeError, mirror.fault(range.slice(1, 2)), 'ending behind it')
    throws(RangeError, () => mirror.unmap(range), 'unmapping more than it')
    throws(RangeError, () => mirror.select(range.page(2)), 'selecting beside it')
    await mirror.fault(range.page(1))
  }),

  'outside-every-mapping': async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    await rejects('EFAULT', t.peek(range, 0), 'reading')
    await rejects('EFAULT', t.poke(range, 0, 1), 'writing')
    await rejects('ENOMEM', t.space.mprotect(range, 'r'), 'mprotect')
    await rejects('ENOMEM', t.space.madvise(range, 'willneed'), 'madvise')
  },

  'mremap-of-nothing': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    await rejects('EFAULT', t.space.mremap(range, { pages: 2 }))
  }),

  'mremap-cannot-grow-in-place': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(3)
    const first = range.page(0)
    await rejects(['ENOMEM', 'EFAULT'], t.space.mremap(first, { pages: 2, mayMove: false }))
    const moved = await t.space.mremap(first, { pages: 2 })
    equal(moved.pages, 2)
  }),

  'mprotect-with-a-hole': async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(1))
    await rejects('ENOMEM', t.space.mprotect(range, 'r'))
    await t.space.mprotect(range.page(0), 'r')
  },

  'munmap-with-a-hole': async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(1))
    await t.space.munmap(range)
    await rejects('EFAULT', t.peek(range, 2))
  },

  'page-index-outside': needing(['mirror'], async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const perPage = new Map([[2, 'read' as const]])
    await rejects(RangeError, mirror.fault(range, { perPage }))
    throws(RangeError, () => range.page(2), 'page 2 of 2')
    throws(RangeError, () => range.at(2 * t.pageSize), 'the byte behind the end')
    range.at(2 * t.pageSize - 1)
  }),
})
