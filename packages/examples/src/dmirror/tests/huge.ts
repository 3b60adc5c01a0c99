import { VirtualRange, type Advice } from '@hmm-sdk/hmm-api'
import type { Dmirror } from '../driver.js'
import { PROT } from '../snapshot.js'
import { has, needing, variants } from './dmirror-test.js'
import { did, equal, same, type Scene } from './scene.js'

/** Where a hole begins, or a mapping moves to, as a part of a huge page. */
const OFFSETS = [0, 1 / 4, 1 / 2]
/** Sizes of the benchmark in huge pages. */
const SIZES = [1 / 4, 1 / 2, 1, 2, 4, 8, 128]
const ITERATIONS = 2

export const hugeTests = {
  anon_write_huge: needing(['huge pages'], async (t) => {
    const driver = await t.open()
    const range = await hugeRange(t, 'rw')
    did(await driver.write(range, t.words(range)), range.pages, 1)
    await t.cpuSees(range, t.words(range))
    const huge = (await driver.snapshot(range)).every((byte) => byte === (PROT.write | PROT.pmd))
    t.note(huge ? 'the CPU maps a huge page' : 'the CPU maps small pages')
  }),

  migrate_anon_huge_empty: needing(['memory', 'huge pages'], async (t) => {
    const driver = await t.open()
    const range = await hugeRange(t, 'r')
    const zeros = new Uint8Array(range.pages * t.pageSize)
    did(await driver.migrateToDevice(range), range.pages, 0, zeros)
  }),

  migrate_anon_huge_zero: needing(['memory', 'huge pages'], async (t) => {
    const driver = await t.open()
    const range = await hugeRange(t, 'r')
    await t.cpuSees(range.page(0), new Uint8Array(t.pageSize))
    const zeros = new Uint8Array(range.pages * t.pageSize)
    did(await driver.migrateToDevice(range), range.pages, 0, zeros)
    await t.cpuSees(range, zeros)
  }),

  migrate_anon_huge_free: needing(['memory', 'huge pages'], async (t) => {
    const driver = await t.open()
    const range = await hugeRange(t, 'rw')
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    await t.space.madvise(range, 'free')
  }),

  migrate_anon_huge_fault: needing(['memory', 'huge pages'], async (t) => {
    const driver = await t.open()
    const range = t.hugeBlock(await t.mmap(2 * t.hugePages))
    await t.fill(range, t.words(range))
    await t.space.madvise(range, 'collapse')
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    if (await has(t, 'huge device pages')) {
      const byte = PROT.devicePrivateLocal | PROT.write | PROT.pmd
      same(await driver.snapshot(range), new Uint8Array(range.pages).fill(byte), 'the snapshot')
    }
    await t.cpuSees(range, t.words(range))
  }),

  migrate_anon_huge_err: needing(['memory', 'huge pages', 'huge device pages'], async (t) => {
    const driver = await t.open()
    for (const way of ['there', 'back']) {
      const range = await hugeRange(t, 'rw')
      const words = t.words(range)
      await t.fill(range, words)
      if (way === 'there') await driver.setFlags({ failAllocation: true })
      did(await driver.migrateToDevice(range), range.pages, 0, words)
      if (way === 'back') {
        await driver.setFlags({ failAllocation: true })
        await driver.migrateToSystem(range)
      }
      await t.cpuSees(range.page(2), words.subarray(2 * t.pageSize, 3 * t.pageSize))
      await t.cpuSees(range, words)
      await t.space.munmap(range)
    }
  }),

  migrate_anon_huge_zero_err: needing(['memory', 'huge pages', 'huge device pages'], async (t) => {
    const driver = await t.open()
    for (const touched of [false, true]) {
      const range = await hugeRange(t, 'r')
      const zeros = new Uint8Array(range.pages * t.pageSize)
      if (touched) await t.cpuSees(range.page(0), new Uint8Array(t.pageSize))
      await driver.setFlags({ failAllocation: true })
      did(await driver.migrateToDevice(range), range.pages, 0, zeros)
      await t.cpuSees(range, zeros)
      await t.space.munmap(range)
    }
  }),

  migrate_partial_unmap_fault: needing(['memory'], async (t) => {
    const driver = await t.open()
    for (const huge of await variants(t, 'huge pages')) {
      for (const offset of OFFSETS) await unmapPart(t, driver, huge, offset)
    }
  }),

  migrate_remap_fault: needing(['memory', 'space.mremap'], async (t) => {
    const driver = await t.open()
    for (const huge of await variants(t, 'huge pages')) {
      for (const before of [false, true]) {
        for (const dontUnmap of [false, true]) {
          for (const offset of OFFSETS)
            await moveMapping(t, driver, huge, before, dontUnmap, offset)
        }
      }
    }
  }),

  benchmark_thp_migration: needing(['memory', 'huge pages'], async (t) => {
    const driver = await t.open()
    const { memory } = await t.device()
    for (const size of SIZES) {
      const pages = size * t.hugePages
      if (pages > memory.pages) {
        t.note(`${size} huge pages: more than the device's memory`)
        continue
      }
      const huge = await measure(t, driver, pages, 'hugepage')
      const small = await measure(t, driver, pages, 'nohugepage')
      t.note(`${size} huge pages: ${huge}; without huge pages ${small}`)
    }
  }),
}

/** A block of which the kernel may make a huge page. */
async function hugeRange(t: Scene, protection: 'r' | 'rw'): Promise<VirtualRange> {
  const range = t.hugeBlock(await t.mmap(2 * t.hugePages, { protection }))
  await t.space.madvise(range, 'hugepage')
  return range
}

/** Where the advice is not known, there are only small pages anyway. */
async function advise(t: Scene, range: VirtualRange, huge: boolean): Promise<void> {
  if (huge) await t.space.madvise(range, 'hugepage')
}

async function unmapPart(t: Scene, driver: Dmirror, huge: boolean, offset: number): Promise<void> {
  const mapping = await t.mmap(2 * t.hugePages)
  const range = t.hugeBlock(mapping)
  await advise(t, range, huge)
  const words = t.words(range)
  await t.fill(range, words)
  did(await driver.migrateToDevice(range), range.pages, 0, words)
  const hole = range.slice(offset * range.pages, range.pages / 2)
  await t.space.munmap(hole)
  for (const part of [
    { first: 0, pages: range.indexOf(hole) },
    { first: hole.endPage - range.startPage, pages: range.endPage - hole.endPage },
  ]) {
    if (part.pages === 0) continue
    const first = part.first * t.pageSize
    const expected = words.subarray(first, first + part.pages * t.pageSize)
    await t.cpuSees(range.slice(part.first, part.pages), expected)
  }
  await t.space.munmap(mapping)
}

async function moveMapping(
  t: Scene,
  driver: Dmirror,
  huge: boolean,
  before: boolean,
  dontUnmap: boolean,
  offset: number,
): Promise<void> {
  const mapping = await t.mmap(8 * t.hugePages)
  const range = t.hugeBlock(mapping)
  await advise(t, range, huge)
  const { pages, pageShift } = range
  // Room behind it.
  await t.space.munmap(VirtualRange.fromPages(range.endPage, 2 * pages, pageShift))
  const words = t.words(range)
  await t.fill(range, words)
  const to = VirtualRange.fromPages(range.endPage + offset * pages, pages, pageShift).start
  const move = (): Promise<VirtualRange> => t.space.mremap(range, { to, dontUnmap })
  let moved = before ? await move() : range
  did(await driver.migrateToDevice(moved), pages, 0, words)
  if (!before) moved = await move()
  await t.cpuSees(moved, words)
  await t.space.munmap(moved)
  await t.space.munmap(mapping)
}

/** Milliseconds there and back, of the backend's clock. */
async function measure(t: Scene, driver: Dmirror, pages: number, advice: Advice): Promise<string> {
  const range = await t.mmap(pages)
  await t.space.madvise(range, advice)
  await t.fill(range, t.words(range))
  const times = { there: 0, back: 0 }
  // The first time is not counted.
  for (let round = 0; round <= ITERATIONS; round++) {
    const start = t.backend.clock.now()
    did(await driver.migrateToDevice(range), pages, 0)
    const middle = t.backend.clock.now()
    const back = (await driver.migrateToSystem(range)).pages
    // The kernel's own driver counts a huge page as one.
    const huge = advice === 'hugepage' && back === pages / t.hugePages
    if (!huge) equal(back, pages, 'the number of pages')
    if (round === 0) continue
    times.there += middle - start
    times.back += t.backend.clock.now() - middle
  }
  await t.space.munmap(range)
  const milliseconds = (sum: number): string => (sum / ITERATIONS / 1e6).toFixed(2)
  return `${milliseconds(times.there)} ms there, ${milliseconds(times.back)} ms back`
}
