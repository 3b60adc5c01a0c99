import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeviceMappings, NOWHERE } from '../src/dma/device-mappings.js'
import { IovaAllocator } from '../src/dma/iova-allocator.js'
import type { SimDmaMapping } from '../src/dma/streaming-mapping.js'
import { IntervalTree } from '../src/mm/interval-tree.js'
import { RadixTable } from '../src/mm/radix-table.js'
import { TableArena } from '../src/mm/table-arena.js'
import { FailurePoints, POINT_COPY, POINT_LINK } from '../src/sim/failure-point.js'

test('an interval tree finds what a list finds', () => {
  const interval = fc.record({ first: fc.nat(100), length: fc.nat(20), drop: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 80 }), fc.nat(110), fc.nat(10), (all, at, more) => {
      const tree = new IntervalTree<{ first: number; last: number }>()
      let list: { first: number; last: number }[] = []
      for (const { first, length, drop } of all) {
        const item = { first, last: first + length }
        tree.insert(item)
        list.push(item)
        if (drop > 3 || list.length < 3) continue
        const gone = list[drop % list.length]!
        tree.remove(gone)
        list = list.filter((each) => each !== gone)
      }
      const naive = list.filter(({ first, last }) => first <= at + more && last >= at)
      const found = tree.overlaps(at, at + more)
      expect(new Set(found)).toEqual(new Set(naive))
      expect(found.length).toBe(naive.length)
      expect(found.map(({ first }) => first)).toEqual(
        found.map((i) => i.first).sort((a, b) => a - b),
      )
      expect(tree.size).toBe(list.length)
    }),
  )
})

test('an interval tree keeps what was put behind another one there, however often', () => {
  const step = fc.record({ first: fc.nat(2), behind: fc.option(fc.nat(20)), drop: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new IntervalTree<{ first: number; last: number }>()
      let list: { first: number; last: number }[] = []
      for (const { first, behind, drop } of steps) {
        const previous = behind === null ? undefined : list[behind % list.length]
        const item = { first: previous?.first ?? first, last: 5 }
        if (previous === undefined) {
          tree.insert(item)
          list.push(item)
        } else {
          tree.insertAfter(item, previous)
          list.splice(list.indexOf(previous) + 1, 0, item)
        }
        if (drop > 0) continue
        const gone = list[drop % list.length]!
        tree.remove(gone)
        list = list.filter((each) => each !== gone)
      }
      const found = tree.overlaps(0, 9)
      const expected = list.toSorted((a, b) => a.first - b.first)
      expect(found.length).toBe(expected.length)
      expect(found.every((item, at) => item === expected[at])).toBe(true)
    }),
  )
})

test('an interval tree has room for any number of intervals behind the same one', () => {
  const tree = new IntervalTree<{ first: number; last: number; number: number }>()
  const interval = (number: number) => ({ first: 0, last: 1, number })
  const parent = interval(-1)
  tree.insert(parent)
  tree.insert(interval(-2))
  for (let number = 0; number < 200; number++) tree.insertAfter(interval(number), parent)
  const found = tree.overlaps(0, 0).map((item) => item.number)
  expect(found).toEqual([-1, ...Array.from({ length: 200 }, (_, at) => 199 - at), -2])
})

for (const bits of [9, 11, 13]) {
  test(`a radix table of ${bits} bits a level is a map`, () => {
    const page = fc.oneof(
      fc.nat(3000),
      fc.nat(2 ** 30),
      fc.maxSafeNat().map((n) => n % 2 ** 35),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(page, fc.nat(100)), { maxLength: 60 }), (writes) => {
        const arena = new TableArena(bits)
        const table = new RadixTable(arena)
        const map = new Map<number, number>()
        for (const [at, value] of writes) {
          table.set(at, value)
          map.set(at, value)
        }
        for (const [at, value] of map) expect(table.get(at)).toBe(value)
        const leaves = new Set([...map.keys()].map((at) => Math.floor(at / 2 ** bits)))
        const walked = []
        for (let at = table.nextLeaf(0, 2 ** 36); at < 2 ** 36; at = table.nextLeaf(at, 2 ** 36)) {
          walked.push(Math.floor(at / 2 ** bits))
          at = (Math.floor(at / 2 ** bits) + 1) * 2 ** bits
        }
        expect(walked).toEqual([...leaves].sort((a, b) => a - b))
        table.destroy()
        expect(arena.used).toBe(0)
      }),
    )
  })
}

test('freed tables are those that lie between floor and ceiling', () => {
  const arena = new TableArena(9)
  const table = new RadixTable(arena)
  for (const page of [0, 512, 1024]) table.set(page, 1)
  const before = arena.used
  table.freeTables(600, 700, 550, 1024)
  expect(arena.used).toBe(before)
  table.freeTables(600, 700, 512, 1024)
  expect(arena.used).toBe(before - 1)
  table.freeTables(0, 1, 0, 1024)
  expect(arena.used).toBe(before - 2)
  table.freeTables(1024, 1025, 0, Infinity)
  expect(arena.used).toBe(1)
})

test('a mapping of a device is live until it has ended, and is no other one meanwhile', () => {
  const step = fc.record({ plain: fc.boolean(), end: fc.nat(6) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const mappings = new DeviceMappings()
      const live = new Map<SimDmaMapping, boolean>()
      const dropped = new Set<SimDmaMapping>()
      const made: SimDmaMapping[] = []
      const make = (): SimDmaMapping => {
        made.push({ place: NOWHERE } as SimDmaMapping)
        return mappings.add(made.at(-1)!)
      }
      for (const { plain, end } of steps) {
        const begun = (plain ? mappings.again() : undefined) ?? make()
        expect(live.has(begun) || dropped.has(begun)).toBe(false)
        live.set(begun, plain)
        const gone = [...live.keys()][end]
        if (gone !== undefined) {
          expect(mappings.end(gone)).toBe(true)
          if (live.get(gone) === false) {
            mappings.drop(gone)
            dropped.add(gone)
          }
          live.delete(gone)
          expect(mappings.end(gone)).toBe(false)
        }
        for (const each of made) expect(mappings.holds(each)).toBe(live.has(each))
        expect(new Set(mappings.list()).size).toBe(live.size)
        expect(mappings.count).toBe(live.size)
        for (const each of live.keys()) expect(mappings.at(each.place)).toBe(each)
      }
    }),
  )
})

test('IOVA blocks never overlap, stay below the mask and are aligned', () => {
  const step = fc.record({
    pages: fc.constantFrom(1, 2, 3, 8, 16, 100),
    free: fc.nat(40),
    limit: fc.nat(9),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let limit = 1024
      const iova = new IovaAllocator(new FailurePoints(), limit)
      const live: { start: number; pages: number }[] = []
      for (const { pages, free, limit: change } of steps) {
        if (change === 0) {
          limit = limit === 1024 ? 512 : 1024
          iova.setLimit(limit)
        }
        const start = iova.allocate(pages)
        if (start >= 0) {
          expect(start).toBeGreaterThan(0)
          expect(start + pages).toBeLessThanOrEqual(limit)
          expect(start % 2 ** Math.ceil(Math.log2(pages))).toBe(0)
          for (const other of live) {
            expect(start + pages <= other.start || other.start + other.pages <= start).toBe(true)
          }
          live.push({ start, pages })
        }
        if (free < live.length) {
          const [gone] = live.splice(free, 1)
          iova.free(gone!.start, gone!.pages)
        }
        expect(iova.used).toBe(live.reduce((sum, each) => sum + each.pages, 0))
      }
      for (const { start, pages } of live.splice(0)) iova.free(start, pages)
      iova.setLimit(1024)
      expect(iova.allocate(512)).toBe(512)
    }),
    { numRuns: 1000 },
  )
})

test('a rest beside a block that is not aligned is not handed out as a block of its size', () => {
  const iova = new IovaAllocator(new FailurePoints(), 1024)
  // 100 pages at 896, so that 996..1023 (28 pages) are left over, which is no multiple of 32.
  expect(iova.allocate(100)).toBe(896)
  // The rest of the space, down to where no block of 32 fits any more.
  for (let start = 880; start >= 16; start -= 16) expect(iova.allocate(16)).toBe(start)
  const start = iova.allocate(28)
  expect(start).toBe(-1)
})

test('a failure point fails at the pass that was asked for, once', () => {
  const points = new FailurePoints()
  points.failNth('link', 3)
  expect([1, 2, 3, 4].map(() => points.fails(POINT_LINK))).toEqual([false, false, true, false])
  points.failNth('link', 2)
  expect(points.firstFailure(POINT_LINK, 5)).toBe(1)
  expect(points.firstFailure(POINT_LINK, 5)).toBe(-1)
  expect(points.fails(POINT_COPY)).toBe(false)
})
