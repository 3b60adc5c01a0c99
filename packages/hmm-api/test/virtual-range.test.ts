import { virtualAddress, VirtualRange } from '@hmm-sdk/hmm-api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const range = VirtualRange.fromPages(10, 4)

describe('VirtualRange', () => {
  it('knows its bounds', () => {
    expect(range.start).toBe(0xa000n)
    expect(range.end).toBe(0xe000n)
    expect([range.startPage, range.endPage, range.pages]).toEqual([10, 14, 4])
    expect(String(range)).toBe('0xa000+4p')
  })

  it('is made from aligned addresses only, and says which would do', () => {
    expect(VirtualRange.of(virtualAddress(0xa000), 4).equals(range)).toBe(true)
    expect(() => VirtualRange.of(virtualAddress(0xa001), 4)).toThrow(/use 0xa000/)
  })

  it('is never empty', () => {
    for (const pages of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => VirtualRange.fromPages(10, pages)).toThrow(TypeError)
    }
  })

  it('may end the address space but not wrap around', () => {
    expect(VirtualRange.fromPages(2 ** 52 - 1, 1).end).toBe(1n << 64n)
    expect(() => VirtualRange.fromPages(2 ** 52 - 1, 2)).toThrow(RangeError)
    expect(VirtualRange.fromPages(2 ** 48 - 1, 1, 16).end).toBe(1n << 64n)
    expect(() => VirtualRange.fromPages(2 ** 48 - 1, 2, 16)).toThrow(RangeError)
  })

  it('has pages of 4, 16 or 64 KiB', () => {
    expect(VirtualRange.fromPages(1, 1, 14).pageSize).toBe(16384)
    expect(() => VirtualRange.fromPages(1, 1, 13)).toThrow(TypeError)
  })

  it('gives addresses and page indexes inside only', () => {
    expect(range.at(0)).toBe(0xa000n)
    expect(range.at(0x3fff)).toBe(0xdfffn)
    expect(() => range.at(0x4000)).toThrow(RangeError)
    expect(range.pageIndex(virtualAddress(0xcfff))).toBe(2)
    expect(() => range.pageIndex(virtualAddress(0xe000))).toThrow(RangeError)
    expect(() => range.pageIndex(virtualAddress(0x9fff))).toThrow(RangeError)
  })

  it('slices inside only', () => {
    expect(String(range.slice(1))).toBe('0xb000+3p')
    expect(String(range.slice(3, 1))).toBe('0xd000+1p')
    expect(() => range.slice(3, 2)).toThrow(RangeError)
    expect(() => range.slice(-1, 1)).toThrow(RangeError)
    expect(() => range.slice(1, 0)).toThrow(TypeError)
  })

  it('compares with others', () => {
    expect(range.overlaps(VirtualRange.fromPages(13, 1))).toBe(true)
    expect(range.overlaps(VirtualRange.fromPages(14, 1))).toBe(false)
    expect(range.containsRange(VirtualRange.fromPages(9, 2))).toBe(false)
    expect(range.containsRange(VirtualRange.fromPages(13, 1))).toBe(true)
    expect(range.equals(VirtualRange.fromPages(10, 4, 14))).toBe(false)
    expect(range.indexOf(VirtualRange.fromPages(12, 2))).toBe(2)
    expect(() => range.indexOf(VirtualRange.fromPages(12, 3))).toThrow(RangeError)
  })

  it('is recognised across copies of the package', () => {
    const mark = Symbol.for('@hmm-sdk/hmm-api:VirtualRange')
    expect(VirtualRange.is(range)).toBe(true)
    expect(VirtualRange.is({ [mark]: true })).toBe(true)
    expect(VirtualRange.is({ startPage: 1, pages: 1 })).toBe(false)
  })

  const ranges = fc
    .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 20 }))
    .map(([start, pages]) => VirtualRange.fromPages(start, pages))

  it('intersects exactly where it overlaps', () => {
    fc.assert(
      fc.property(ranges, ranges, (one, two) => {
        const both = one.intersect(two)
        expect(both !== undefined).toBe(one.overlaps(two))
        if (both === undefined) return
        expect(one.containsRange(both) && two.containsRange(both)).toBe(true)
        expect(two.intersect(one)?.equals(both)).toBe(true)
      }),
    )
  })
})
