import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { FaultedPages } from '../../../objects/faulted-pages.js'

export const description = `
What a range fault found may be used in a commit only: it runs if nothing was invalidated since the
fault began and is refused otherwise; the pages are readable inside it and nowhere else.`

export const group = caseGroup('sequence/commit', ['mirror'], {
  'quiet-runs': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range, { request: 'read' })
    let valid = false
    equal(
      mirror.commit(pages, (each) => void (valid = each.valid(0))),
      true,
    )
    ok(valid, 'the commit saw the page')
  },

  'refused-after-munmap': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const pages = await mirror.fault(range, { request: 'read' })
    await t.space.munmap(range.page(1))
    let runs = 0
    equal(
      mirror.commit(pages, () => void runs++),
      false,
    )
    equal(runs, 0, 'how often it ran')
  },

  'refused-after-mprotect': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range, { request: 'write' })
    await t.space.mprotect(range, 'r')
    equal(
      mirror.commit(pages, () => undefined),
      false,
    )
  },

  // What was found is the page that the process had before.
  'refused-after-its-own-migration': needing(['memory'], async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await t.fill(watch.range, 1)
    const pages = await watch.mirror.fault(watch.range, { request: 'read' })
    await watch.migrate({ to: 'device' })
    equal(
      watch.mirror.commit(pages, () => undefined),
      false,
    )
  }),

  'runs-after-an-event-elsewhere': async (t) => {
    const range = await t.mmap(3)
    const { mirror } = await t.watch(range.slice(0, 2))
    const pages = await mirror.fault(mirror.range, { request: 'read' })
    await t.space.munmap(range.page(2))
    equal(
      mirror.commit(pages, () => undefined),
      true,
    )
  },

  // A write fault replaces the zero page, which is an invalidation of its own (wp_page_copy).
  'runs-after-its-own-copy': async (t) => {
    const range = await t.mmap(1)
    await t.peek(range, 0)
    const { mirror } = await t.watch(range)
    const pages = await mirror.fault(range, { request: 'write' })
    let writable = false
    ok(
      mirror.commit(pages, (each) => void (writable = each.writable(0))),
      'the commit runs',
    )
    ok(writable, 'the page is writable')
  },

  'fault-again-after-a-refusal': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    const { mirror, range } = watch
    const pages = await mirror.fault(range, { request: 'read' })
    await t.space.mprotect(range, 'none')
    mirror.commit(pages, () => undefined)
    await t.space.mprotect(range, 'rw')
    equal(await watch.fault('read'), ['read', 'read'])
  },

  'at-most-once': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    mirror.commit(pages, () => undefined)
    throws('ESTALE', () => mirror.commit(pages, () => undefined))
  },

  'not-readable-before': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    throws('ESTALE', () => pages.valid(0))
  },

  'not-readable-after': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    let kept: FaultedPages | undefined
    mirror.commit(pages, (each) => void (kept = each))
    throws('ESTALE', () => kept?.valid(0))
  },

  'frame-of-an-absent-page': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    mirror.commit(pages, (each) => void throws('EINVAL', () => each.frame(0)))
  },

  'other-notifiers-pages': async (t) => {
    const range = await t.mmap(1)
    const [one, two] = [(await t.watch(range)).mirror, (await t.watch(range)).mirror]
    const pages = await one.fault(range)
    throws(TypeError, () => two.commit(pages, () => undefined))
  },

  throws: async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    const failure = throws(RangeError, () =>
      mirror.commit(pages, () => {
        throw new RangeError('of the driver')
      }),
    )
    equal(failure.message, 'of the driver', 'what comes out')
  },

  'awaiting-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const pages = await mirror.fault(range)
    const asynchronous = (async () => undefined) as () => never
    throws('EDEADLK', () => mirror.commit(pages, asynchronous))
  },

  'fault-and-commit': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const options = { request: 'read', deadlineMs: 60_000 } as const
    const valid = await mirror.faultAndCommit<boolean[]>(range, options, (pages) => [
      pages.valid(0),
      pages.valid(1),
    ])
    equal(valid, [true, true])
  },

  'waiting-calls-in-it': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    let inner: Promise<unknown> = Promise.resolve()
    await watch.commit(() => void (inner = watch.mirror.fault(watch.range)))
    await rejects('EDEADLK', inner)
  },
})
