import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'

export const description = `
How events reach a driver: inside the CPU operation or shortly after, but before any later fault on the
range succeeds; the second pass after the first; as a section that may not wait; and a callback that
throws stops no revocation and is not lost.`

export const group = caseGroup('events/delivery', ['mirror'], {
  'before-a-later-fault': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'r')
    const atTheFault: number[] = []
    await watch.commit(() => atTheFault.push(watch.events.length))
    ok((atTheFault[0] ?? 0) > 0, 'the event was delivered before the commit of a later fault')
  },

  'second-pass': async (t) => {
    const passes: string[] = []
    const watch = await t.watch(await t.mmap(1), {
      invalidate: () => {
        passes.push('first')
        return () => void passes.push('second')
      },
    })
    await t.space.munmap(watch.range)
    await watch.settled()
    equal(passes, ['first', 'second'])
  },

  blockable: async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await t.space.munmap(watch.range)
    await watch.settled()
    equal(
      watch.events.map(({ blockable, self }) => ({ blockable, self })),
      [{ blockable: true, self: false }],
    )
  },

  'throwing-callback': async (t) => {
    const watch = await t.watch(await t.mmap(1), {
      invalidate: () => {
        throw new Error('of the driver')
      },
    })
    t.expectCallbackFailures(1)
    await t.space.munmap(watch.range)
    await watch.settled()
    equal(
      watch.mirror.callbackFailures.map((failure) => (failure as Error).message),
      ['of the driver'],
    )
  },

  'waiting-callback': async (t) => {
    let inner: Promise<unknown> = Promise.resolve()
    const watch = await t.watch(await t.mmap(1), {
      invalidate: () => {
        inner = t.space.read(watch.range.start, 1)
        inner.catch(() => undefined)
      },
    })
    await t.space.munmap(watch.range)
    await watch.settled()
    await rejects('EDEADLK', inner)
  },

  'none-after-close': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await watch.mirror.close()
    await t.space.munmap(watch.range)
    const other = await t.watch(await t.mmap(1))
    await other.settled()
    equal(watch.events.length, 0, 'the number of events')
  },
})
