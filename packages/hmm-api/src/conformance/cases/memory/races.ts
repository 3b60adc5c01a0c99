import { equal, ok } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { VirtualRange } from '../../../address/virtual-range.js'
import type { MigrateResult } from '../../../objects/device-memory.js'
import type { MigrateOutcome } from '../../../raw/raw-device-memory.js'

export const description = `
What the process does to pages while they migrate. Between the phases of a migration a hole may be filled,
a page may be dropped, touched, or taken by another: such entries do not move (migrate_vma_pages), or what
moved is nobody's. Who wins is left to chance; that nothing is lost, made up or left over is not.`

const PAGES = 16
const ROUNDS = 6

/** What may become of a page that somebody else works on. */
const POSSIBLE: readonly MigrateOutcome[] = [
  'migrated',
  'populated',
  'already-there',
  'foreign-device',
  'not-present',
  'busy',
  'lost-race',
]

/** Tries a race a few times, each on memory of its own, of which nothing is left at the end. */
async function rounds(t: Scene, race: (range: VirtualRange) => Promise<unknown>): Promise<void> {
  const free = t.device.memory.freePages
  for (let round = 0; round < ROUNDS; round++) {
    const range = await t.mmap(PAGES)
    await race(range)
    await t.space.munmap(range)
  }
  await t.device.memory.evict()
  equal(t.device.memory.freePages, free, 'the free pages at the end')
}

function checkOutcomes(result: MigrateResult): void {
  for (let index = 0; index < PAGES; index++) {
    const outcome = result.outcome(index)
    ok(POSSIBLE.includes(outcome), `page ${index} is not '${outcome}'`)
  }
}

const filled = (first: number): number[] => Array.from({ length: PAGES }, (_, i) => first + i)

export const group = caseGroup('memory/races', ['mirror', 'memory'], {
  'holes-that-are-filled': (t) =>
    rounds(t, async (range) => {
      const { mirror } = await t.watch(range)
      const [result] = await Promise.all([
        t.device.memory.migrate(mirror, range, { to: 'device' }),
        t.fill(range, 1),
      ])
      checkOutcomes(result)
      equal(await t.contents(range), filled(1))
    }),

  'pages-that-are-written': (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const { mirror } = await t.watch(range)
      const [result] = await Promise.all([
        t.device.memory.migrate(mirror, range, { to: 'device' }),
        t.fill(range, 101),
      ])
      checkOutcomes(result)
      equal(await t.contents(range), filled(101))
    }),

  'pages-that-are-dropped': (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const { mirror } = await t.watch(range)
      const [result] = await Promise.all([
        t.device.memory.migrate(mirror, range, { to: 'device' }),
        t.space.madvise(range, 'dontneed'),
      ])
      checkOutcomes(result)
      equal(await t.contents(range), filled(1).fill(0))
    }),

  'pages-that-a-fork-shares': needing(['space.fork'], (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const { mirror } = await t.watch(range)
      const [result, child] = await Promise.all([
        t.device.memory.migrate(mirror, range, { to: 'device' }),
        t.fork(),
      ])
      checkOutcomes(result)
      await t.fill(range, 101)
      equal([await t.contents(range), await t.contents(range, child)], [filled(101), filled(1)])
      await child.kill()
      await child.released
    }),
  ),

  'pages-that-two-devices-want': needing(['device.shared'], (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const other = await t.backend.openDevice('demo')
      const [one, two] = [
        await t.watch(range),
        await other.mirror(t.space, range, { invalidate() {} }),
      ]
      const results = await Promise.all([
        t.device.memory.migrate(one.mirror, range, { to: 'device' }),
        other.memory.migrate(two, range, { to: 'device' }),
      ])
      for (const result of results) checkOutcomes(result)
      equal(await t.contents(range), filled(1))
      await two.close()
      await t.space.munmap(range)
      equal(other.memory.freePages, other.memory.pages, 'the free pages of the other device')
      await other.close()
    }),
  ),

  'pages-that-are-evicted': (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const { mirror } = await t.watch(range)
      const [result] = await Promise.all([
        t.device.memory.migrate(mirror, range, { to: 'device' }),
        t.device.memory.evict(),
      ])
      checkOutcomes(result)
      equal(await t.contents(range), filled(1))
    }),

  'pages-that-are-pinned': needing(['space.pin'], (t) =>
    rounds(t, async (range) => {
      await t.fill(range, 1)
      const watch = await t.watch(range)
      const [result, pinned] = await Promise.all([
        t.device.memory.migrate(watch.mirror, range, { to: 'device' }),
        t.space.pin(range),
      ])
      checkOutcomes(result)
      equal(new Set(await watch.snapshot()).size, 1, 'the number of states')
      equal((await watch.snapshot())[0], 'write', 'where pinned pages are')
      const again = await t.device.memory.migrate(watch.mirror, range, { to: 'device' })
      equal(again.count('busy'), PAGES, 'the number of pinned pages')
      equal(await t.contents(range), filled(1))
      await pinned.close()
    }),
  ),
})
