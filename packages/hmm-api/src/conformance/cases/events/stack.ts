import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
A mapping that grows down, as a stack, becomes longer when the CPU touches what is below it: no event. A device
does not make it grow.`

/** What a mapping that grows keeps free below it. */
const GUARD_GAP = 256
const ROOM = 400

/** Free room whose last page is such a mapping. */
async function stack(t: Scene): Promise<{ room: VirtualRange; top: VirtualRange }> {
  const room = await t.mmap(ROOM)
  await t.space.munmap(room)
  const top = room.page(ROOM - 1)
  await t.space.mmap({ pages: 1, at: top.start, growsDown: true })
  return { room, top }
}

export const group = caseGroup('events/stack', ['mirror'], {
  grows: async (t) => {
    const { room } = await stack(t)
    const range = room.slice(ROOM - 4)
    await t.poke(range, 3, 4)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['error', 'error', 'error', 'write'])
    await t.poke(range, 1, 2)
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['error', 'write', 'none', 'write'])
    equal(await t.peek(range, 0), 0, 'a read makes it grow, too')
    equal(await watch.seen(), [])
    equal(await t.contents(range), [0, 2, 0, 4])
  },

  // Nobody but the CPU: a range fault looks for the mapping, and does not make it (walk_page_range).
  'not-for-a-device': async (t) => {
    const { room } = await stack(t)
    const range = room.slice(ROOM - 2)
    const watch = await t.watch(range)
    await rejects('EFAULT', watch.fault('write', range.page(0)), 'a fault below it')
    equal(await watch.snapshot(), ['error', 'none'])
    await t.poke(range, 0, 1)
    equal(await watch.fault('write'), ['write', 'write'])
    equal(await watch.seen(), [])
  },

  'guard-gap': async (t) => {
    const { room } = await stack(t)
    const range = room.slice(ROOM - 3)
    await t.space.mmap({ pages: 1, at: room.page(ROOM - 3 - GUARD_GAP).start })
    await rejects('EFAULT', t.poke(range, 0, 1), 'a touch too near to what is below')
    await t.poke(range, 1, 2)
    await rejects('EFAULT', t.poke(range, 0, 1), 'a touch further down')
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['error', 'write', 'none'])
  },

  'guard-gap-to-what-nobody-may-touch': async (t) => {
    const { room } = await stack(t)
    const range = room.slice(ROOM - 3)
    await t.space.mmap({ pages: 1, at: range.start, protection: 'none' })
    await t.poke(range, 1, 1)
    await rejects('EFAULT', t.poke(range, 0, 1), 'a touch of what is below')
    equal(await t.peek(range, 2), 0)
  },

  'of-a-child': needing(['space.fork'], async (t) => {
    const { room } = await stack(t)
    const range = room.slice(ROOM - 2)
    await t.poke(range, 1, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    const inChild = await t.watch(range, { space: child })
    await t.poke(range, 0, 2, child)
    equal(await inChild.snapshot(), ['write', 'read'])
    equal(await watch.snapshot(), ['error', 'read'], 'the parent')
    equal([await watch.seen(), await inChild.seen()], [[], []])
  }),
})
