import type { Flow, TraceEvent } from '../../../event.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Trace events of a call that serves a device fault have the flow that the driver gives it, and those of
other calls have another.`

/** A number that no backend gives to a call of a short case. */
const FLOW = 1_000_003 as Flow

/** Runs `work` and returns the events of that type meanwhile, with whether they are of the flow. */
async function flowsOf(
  t: Scene,
  types: readonly TraceEvent['type'][],
  work: () => Promise<unknown>,
): Promise<string[]> {
  const seen: string[] = []
  const stop = t.backend.trace(({ type, flow }) => {
    if (types.includes(type)) seen.push(`${type} ${flow === FLOW ? 'of the fault' : 'of others'}`)
  })
  await work()
  stop()
  return seen
}

export const group = caseGroup('mirror/flow', ['mirror', 'dma.mirror'], {
  map: async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(4))
    const seen = await flowsOf(t, ['dma-map'], async () => {
      await mirror.map(range.page(0), { access: 'write', flow: FLOW }, () => undefined)
      await mirror.map(range.page(1), { access: 'write' }, () => undefined)
      await mirror.map(
        range.page(2),
        { access: 'read', flow: FLOW, deadlineMs: 60_000 },
        () => undefined,
      )
    })
    equal(seen, ['dma-map of the fault', 'dma-map of others', 'dma-map of the fault'])
  },

  'present-pages': async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const { mirror } = await t.watch(range)
    const seen = await flowsOf(t, ['dma-map'], () =>
      mirror.map(range, { access: 'write', flow: FLOW }, () => undefined),
    )
    equal(seen, ['dma-map of the fault'])
  },

  'calls-at-the-same-time': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const pages: Record<number, number> = {}
    const first = range.startPage
    const stop = t.backend.trace((event) => {
      if (event.type === 'dma-map') pages[event.page - first] = event.flow
    })
    const flows = [FLOW, (FLOW + 1) as Flow] as const
    const map = (page: number, flow: Flow): Promise<void> =>
      mirror.map(range.page(page), { access: 'write', flow }, () => undefined)
    await Promise.all([map(0, flows[0]), map(1, flows[1])])
    stop()
    equal(pages, { 0: flows[0], 1: flows[1] }, 'the flow of each page')
  },

  migrate: needing(['engine', 'memory'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const seen = await flowsOf(t, ['page-migrate'], async () => {
      await watch.migrate({ to: 'device', flow: FLOW })
      await watch.migrate({ to: 'system' })
    })
    equal(seen, ['page-migrate of the fault', 'page-migrate of others'])
  }),

  exclusive: needing(['exclusive'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const { mirror } = await t.watch(range)
    const seen = await flowsOf(t, ['dma-map'], () =>
      mirror.exclusive(range, { flow: FLOW }, () => undefined),
    )
    equal(seen, ['dma-map of the fault'])
  }),

  'no-flow': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    for (const flow of [0, -1, 1.5, NaN]) {
      const options = { access: 'read', flow: flow as Flow } as const
      await rejects(TypeError, () => mirror.map(range, options, () => undefined))
    }
  },
})
