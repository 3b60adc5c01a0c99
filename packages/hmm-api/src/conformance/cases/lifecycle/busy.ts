import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { DevicePages } from '../../harness/device-pages.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
The process, the mirror or the device ends while work is under way: every call that runs ends with a
result or a clear error, nothing hangs, the device reaches nothing afterwards, and others go on.`

type Settled = string | undefined

const settle = (promise: Promise<unknown>): Promise<Settled> =>
  promise.then(
    () => undefined,
    (error: Error & { code?: string }) => error.code ?? error.message,
  )

function transfers(pages: DevicePages, count: number): Promise<Settled>[] {
  return Array.from({ length: count }, (_, index) => settle(pages.poke(index % 2, index)))
}

/** Ends the process while the device writes to it. */
const endDuringTransfers = (end: (t: Scene) => Promise<void>) => async (t: Scene) => {
  const watch = await t.watch(await t.mmap(2))
  const pages = await watch.map('write')
  const running = transfers(pages, 32)
  await end(t)
  const codes = new Set(await Promise.all(running))
  codes.delete(undefined)
  codes.delete('EFAULT')
  equal([...codes], [], 'how transfers ended besides with success or EFAULT')
  await watch.whenReleased()
  await rejects('EFAULT', pages.poke(0, 1), 'a transfer afterwards')
  const other = await t.spawn()
  const range = await other.mmap({ pages: 1 })
  await (await (await t.watch(range, { space: other })).map('write')).poke(0, 5)
  equal(await t.peek(range, 0, other), 5, 'a transfer for another process')
}

const NEEDS = ['mirror', 'dma.mirror', 'engine'] as const

export const group = caseGroup('lifecycle/busy', NEEDS, {
  'exit-during-transfers': endDuringTransfers((t) => t.space.exit()),
  'kill-during-transfers': endDuringTransfers((t) => t.space.kill()),
  'exec-during-transfers': needing(
    ['space.exec'],
    endDuringTransfers((t) => t.space.exec()),
  ),

  'kill-during-map': async (t) => {
    const watch = await t.watch(await t.mmap(16))
    const mapping = settle(watch.map('write'))
    await t.space.kill()
    const code = await mapping
    ok(
      [undefined, 'ESRCH', 'EFAULT', 'EINTR'].includes(code),
      `the map ends with success, ESRCH, EFAULT or EINTR, not ${code}`,
    )
    await watch.whenReleased()
    await rejects('ESRCH', watch.map('write'), 'a map afterwards')
  },

  'close-of-the-mirror-during-map': async (t) => {
    const watch = await t.watch(await t.mmap(16))
    let pages: DevicePages | undefined
    const mapping = settle(watch.map('write').then((result) => (pages = result)))
    await watch.mirror.close()
    const code = await mapping
    ok([undefined, 'EBADF'].includes(code), `the map ends with success or EBADF, not ${code}`)
    if (pages !== undefined) await rejects('EFAULT', pages.poke(0, 1), 'a transfer afterwards')
    equal(await t.peek(watch.range, 0), 0)
  },

  'close-of-the-device-during-transfers': needing(['device.shared'], async (t) => {
    const device = await t.openDevice()
    const watch = await t.watch(await t.mmap(2), { device })
    const running = transfers(await watch.map('write'), 8)
    await watch.mirror.close()
    await device.close()
    for (const code of await Promise.all(running)) {
      ok(
        [undefined, 'EFAULT', 'EBADF', 'ECANCELED'].includes(code),
        `a transfer ends with success, EFAULT, EBADF or ECANCELED, not ${code}`,
      )
    }
  }),

  'close-of-the-space-with-a-mirror': async (t) => {
    const space = await t.spawn()
    const watch = await t.watch(await space.mmap({ pages: 1 }), { space })
    const pages = await watch.map('write')
    await space.close()
    await watch.whenReleased()
    await rejects('EFAULT', pages.poke(0, 1), 'a transfer afterwards')
    await watch.mirror.close()
  },

  'close-of-the-mirror-in-a-row-with-events': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.map('write')
    const unmapping = t.space.munmap(range)
    await watch.mirror.close()
    await unmapping
    const told = watch.events.length
    await (await t.watch(await t.mmap(1))).settled()
    equal(watch.events.length, told, 'the number of events after the close')
  },

  'many-mirrors': async (t) => {
    const range = await t.mmap(2)
    const watches = []
    for (let count = 0; count < 16; count++) watches.push(await t.watch(range))
    await t.space.munmap(range.page(1))
    for (const watch of watches) equal(await watch.seen(), ['unmap 1'])
  },
})
