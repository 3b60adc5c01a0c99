import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing, type CaseBody, type CaseWithNeeds } from '../../harness/case.js'
import { MIRROR_OPERATIONS, OPERATION_NEEDS, SPACE_OPERATIONS } from './operations.js'

export const description = `
After exit, kill or exec the address space is gone: every operation on it, and on mirrors of it, fails
with ESRCH; a mirror never keeps it alive. Only close and unmap still work. Other processes go on.`

/** Nothing is mapped any more, so there is nothing to say about it. */
const HARMLESS = new Set(['unmap'])

const afterExit = Object.entries(SPACE_OPERATIONS).map(([name, operate]): [string, CaseBody] => [
  `space.${name}`,
  async (t) => {
    const range = await t.mmap(1)
    await t.space.exit()
    await rejects('ESRCH', async () => operate(t.space, range))
  },
])

const ofMirrors = Object.entries(MIRROR_OPERATIONS)
  .filter(([name]) => !HARMLESS.has(name))
  .map(([name, operate]): [string, CaseWithNeeds] => [
    `mirror.${name}`,
    needing(OPERATION_NEEDS[name] ?? [], async (t) => {
      const watch = await t.watch(await t.mmap(1))
      await t.space.exit()
      await watch.whenReleased()
      await rejects('ESRCH', async () => operate(watch.mirror, watch.range))
    }),
  ])

export const group = caseGroup('lifecycle/use-after-exit', ['mirror'], {
  ...Object.fromEntries(afterExit),
  ...Object.fromEntries(ofMirrors),

  'mirror.unmap': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await t.space.exit()
    await watch.whenReleased()
    watch.mirror.unmap(watch.range)
  },

  'device.mirror': async (t) => {
    const range = await t.mmap(1)
    await t.space.exit()
    await rejects('ESRCH', t.watch(range))
  },

  'after-kill': async (t) => {
    await t.space.kill()
    await rejects('ESRCH', t.mmap(1))
  },

  'after-exec': needing(['space.exec'], async (t) => {
    await t.space.exec()
    await rejects('ESRCH', t.mmap(1))
  }),

  'other-processes-go-on': async (t) => {
    const other = await t.spawn()
    const range = await other.mmap({ pages: 1 })
    await t.space.exit()
    await t.space.released
    await t.poke(range, 0, 3, other)
    equal(await t.peek(range, 0, other), 3)
  },

  'is-released': async (t) => {
    equal(t.space.isReleased, false, 'before')
    await t.space.exit()
    await t.space.released
    equal(t.space.isReleased, true, 'after')
  },
})
