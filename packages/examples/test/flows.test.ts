import { openBackend, type TraceEvent } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import { exampleConfig } from '../src/index.js'
import { nouveauStory, odpStory, StoryLog } from '../src/index.js'

test.each([
  ['odp', odpStory],
  ['nouveau', nouveauStory],
] as const)('%s: the trace ties each fault to what followed', async (_name, story) => {
  const backend = await openBackend({ backend: 'sim', config: exampleConfig() })
  const events: TraceEvent[] = []
  const stop = backend.trace((event) => void events.push(event))
  await story(backend, new StoryLog())
  stop()
  await backend.close()

  const reports = events.filter((event) => event.type === 'fault-report')
  const flows = new Set(reports.map(({ flow }) => flow))
  expect(flows.size).toBe(reports.length)
  for (const report of reports) {
    const of = events.filter(({ flow }) => flow === report.flow)
    const types = of.map(({ type }) => type)
    expect(types[0]).toBe('fault-report')
    expect(types.at(-1)).toBe('fault-answer')
    expect(of.at(-1)).toMatchObject({ device: report.device, fault: report.fault })
  }
  const maps = events.filter(({ type, flow }) => type === 'dma-map' && flows.has(flow))
  expect(maps.length).toBeGreaterThan(0)
  // No commit of a fault comes after its answer, and no fault is answered twice.
  expect(events.filter(({ type }) => type === 'fault-answer')).toHaveLength(reports.length)
})
