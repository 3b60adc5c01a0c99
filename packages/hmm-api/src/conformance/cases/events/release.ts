import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
When the last user of an address space is gone (exit, kill, exec), every mirror gets "release" over all
of its range, then "released" once; mirrors of other processes get nothing.`

const releases = (end: (t: Scene) => Promise<void>) => async (t: Scene) => {
  const range = await t.mmap(2)
  await t.fill(range, 1)
  const watch = await t.watch(range)
  await end(t)
  await watch.whenReleased()
  await t.space.released
  const release = watch.events.find(({ kind }) => kind === 'release')
  ok(release?.range.equals(range) ?? false, 'there is a release event over the whole mirror')
  equal(watch.events[0]?.kind, 'release', 'the first event')
  equal(watch.releases, 1, 'how often released was called')
  await rejects('ESRCH', watch.snapshot(), 'a snapshot afterwards')
}

export const group = caseGroup('events/release', ['mirror'], {
  exit: releases((t) => t.space.exit()),

  kill: releases((t) => t.space.kill()),

  exec: needing(
    ['space.exec'],
    releases((t) => t.space.exec()),
  ),

  'close-of-the-space': async (t) => {
    const space = await t.spawn()
    const watch = await t.watch(await space.mmap({ pages: 1 }), { space })
    await space.close()
    await watch.whenReleased()
    equal(watch.releases, 1)
  },

  'every-mirror-is-told': async (t) => {
    const watches = [await t.watch(await t.mmap(1)), await t.watch(await t.mmap(1))]
    await t.space.exit()
    for (const watch of watches) await watch.whenReleased()
    equal(
      watches.map((watch) => watch.releases),
      [1, 1],
    )
  },

  'of-another-process': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    const other = await t.spawn()
    await other.exit()
    await other.released
    equal(await watch.seen(), [])
    equal(watch.releases, 0)
  },

  'of-the-child': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 7)
    const child = await t.fork()
    const watch = await t.watch(range)
    await child.exit()
    await child.released
    equal(await watch.seen(), [])
    equal(await t.peek(range, 0), 7)
  }),

  'of-the-parent': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 7)
    const child = await t.fork()
    const watch = await t.watch(range, { space: child })
    await t.space.exit()
    await t.space.released
    equal(watch.releases, 0)
    equal(await t.peek(range, 0, child), 7)
  }),
})
