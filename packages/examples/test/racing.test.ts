import { explore, replay } from '@hmm-sdk/backend-sim/explore'
import { defineDevice, HmmError, type Bus } from '@hmm-sdk/hmm-api'
import { expect, test, vi } from 'vitest'
import { adapterModel, exampleConfig, odpRacing } from '../src/index.js'
import { EXAMPLES } from '../src/run-example.js'
import { runExploring } from '../src/run-exploring.js'

vi.setConfig({ testTimeout: 120_000 })

// The whole search is `hmm-examples --explore 200000`.
test.each(EXAMPLES)('%s holds under interleavings', { timeout: 120_000 }, async (example) => {
  const { summary, text } = await runExploring(example, 200, { config: exampleConfig() })
  expect(summary, text).toMatchObject({ example, ok: true, schedules: 200, reason: 'budget' })
  expect(summary.coverage.racingPairs).toBeGreaterThan(10)
})

// An adapter that gives a request up when its translation is taken back while it uses it.
const impatient = defineDevice({
  ...adapterModel,
  start: (bus) => {
    const asEio = (error: unknown): never => {
      throw HmmError.is(error, 'EFAULT') ? new HmmError('EIO') : error
    }
    const outside: Bus = {
      read: (address, length) => bus.read(address, length).catch(asEio),
      write: (address, bytes) => bus.write(address, bytes).catch(asEio),
      fetchAdd: (address, delta) => bus.fetchAdd(address, delta),
      interrupt: (vector) => bus.interrupt(vector),
      fault: (request) => bus.fault(request),
      sleep: (ms) => bus.sleep(ms),
      run: (name, work) => bus.run(name, work),
    }
    return adapterModel.start(outside)
  },
})

test('odp: an adapter that takes a revocation for an error is found', async () => {
  const { devices } = exampleConfig({ devices: { adapter: { model: impatient } } })
  const options = { name: 'odp', devices: devices!, budget: { schedules: 2000 } }
  const { failure } = await explore(odpRacing, options)
  expect(failure?.message).toContain('transfer-failed')
  expect(await replay(failure!.token, odpRacing, options)).toMatchObject({ kind: failure!.kind })
})
