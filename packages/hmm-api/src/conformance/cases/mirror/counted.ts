import { equal, ok } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import type { TraceEvent } from '../../../event.js'

export const description = `
Counters and trace events say what happened: pages mapped and unmapped, by whom, and the invalidations.`

export const group = caseGroup('mirror/counted', ['mirror', 'dma.mirror'], {
  'map-and-unmap': async (t) => {
    const watch = await t.watch(await t.mmap(3))
    const before = t.backend.counters()
    await watch.map('write')
    watch.mirror.unmap(watch.range.page(0))
    const after = t.backend.counters()
    equal(after.pagesMapped - before.pagesMapped, 3, 'pages mapped')
    equal(after.pagesUnmapped - before.pagesUnmapped, 1, 'pages unmapped')
  },

  revocation: async (t) => {
    const watch = await t.watch(await t.mmap(3))
    await watch.map('write')
    const before = t.backend.counters()
    await t.space.munmap(watch.range.slice(1, 2))
    await watch.settled()
    const after = t.backend.counters()
    equal(after.pagesUnmapped - before.pagesUnmapped, 2, 'pages unmapped')
    equal(after.invalidations - before.invalidations, 1, 'invalidations')
  },

  'counters-are-a-copy': async (t) => {
    const before = t.backend.counters()
    before.pagesMapped += 1000
    ok(t.backend.counters().pagesMapped < before.pagesMapped, 'the backend counts on its own')
  },

  trace: async (t) => {
    const watch = await t.watch(await t.mmap(2))
    const events: TraceEvent['type'][] = []
    const stop = t.backend.trace((event) => void events.push(event.type))
    await watch.map('write')
    await t.space.munmap(watch.range)
    await watch.settled()
    stop()
    const wanted = ['dma-map', 'range-invalidate', 'dma-unmap'] as const
    equal(
      wanted.filter((type) => !events.includes(type)),
      [],
      'the event types that are missing in the trace',
    )
  },

  'trace-ends': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    let events = 0
    t.backend.trace(() => void events++)()
    await watch.map('write')
    equal(events, 0)
  },
})
