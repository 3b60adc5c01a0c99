import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { describeEvents } from '../../harness/describe-events.js'
import type { Watch } from '../../harness/watch.js'

export const description = `
The OOM reaper takes the private memory of a process that is killed, before the process gets to its end. Each
mapping raises a "clear" (Linux 6.12: an "unmap") that may not wait; shared memory is left alone, and nothing can be faulted in any
more. The release follows when the process gets there.`

/** Which pages were taken, by whichever event. */
function taken(watch: Watch): string[] {
  return describeEvents(watch.events, watch.range).map((each) => each.replace(/^unmap/, 'clear'))
}

export const group = caseGroup('events/oom-reaper', ['mirror', 'space.oom-reap'], {
  reap: async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 2 })
    await t.fill(range, 1, space)
    const watch = await t.watch(range, { space })
    await space.oomReap()
    ok(!space.isReleased, 'the process is not at its end')
    await rejects('EFAULT', watch.fault('read'), 'a fault')
    equal(taken(watch), ['clear 0-1'])
    equal([...new Set(watch.events.map(({ blockable }) => blockable))], [false], 'blockable')
    await space.kill()
    await watch.whenReleased()
    await space.released
    ok(
      watch.events.some(({ kind, blockable }) => kind === 'release' && blockable),
      'the release comes after it, and may wait',
    )
  },

  'nothing-comes-back': async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 2 })
    await t.poke(range, 0, 7, space)
    const watch = await t.watch(range, { space })
    await space.oomReap()
    await rejects('EFAULT', watch.fault('write', range.page(0)), 'what was taken')
    await rejects('EFAULT', watch.fault('read', range.page(1)), 'what was never there')
  },

  'shared-memory-stays': async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 1, shared: true })
    const own = await space.mmap({ pages: 1 })
    for (const each of [range, own]) await t.poke(each, 0, 7, space)
    const watch = await t.watch(range, { space })
    const other = await t.watch(own, { space })
    await space.oomReap()
    await rejects('EFAULT', other.fault('read'))
    equal(taken(other), ['clear 0'])
    equal(watch.events.length, 0, 'events of shared memory')
  },

  'a-device-keeps-none-of-it': needing(['dma.mirror', 'engine'], async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 1 })
    await t.poke(range, 0, 5, space)
    const watch = await t.watch(range, { space })
    const device = await watch.map('write')
    await space.oomReap()
    await t.refused(device.poke(0, 9))
    await rejects('EFAULT', watch.map('read'))
  }),

  'of-the-child': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    await child.oomReap()
    await child.kill()
    await child.released
    equal(await watch.seen(), [], 'what the parent hears')
    equal(await t.contents(range), [1, 2])
  }),

  'the-process-can-do-nothing-more': async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 1 })
    await space.oomReap()
    await rejects('ESRCH', space.read(range.start, 1), 'read')
    await rejects('ESRCH', space.oomReap(), 'oomReap')
    await space.kill()
    await rejects('ESRCH', space.kill(), 'kill once more')
    await space.released
  },
})
