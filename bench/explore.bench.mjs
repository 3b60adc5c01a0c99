// Exploration of schedules. Rates are of whole schedules, in CPU time's worth of wall clock: what they are
// compared with runs by turns with them.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { explore } from '@hmm-sdk/backend-sim/explore'
import fc from 'fast-check'
import { interleaved } from './interleaved.mjs'
import { asyncLoop } from './reference/async-loop.mjs'

const ACTORS = 3
const POINTS = 10
const NAMES = ['a', 'b', 'c']
/** Of milliseconds each: what runs beside them falls on few of them. */
const ROUNDS = 31

export default async function measure() {
  return [...(await exploreRate()), ...(await exploreSim()), ...(await exploreMemory())]
}

/** Three actors that only stop at points, against the loop that does nothing else, and fast-check's scheduler. */
async function exploreRate() {
  const schedules = 2000
  const scenario = async ({ race, point }) => {
    const actor = async () => {
      for (let i = 0; i < POINTS; i++) await point('p')
    }
    await race(Object.fromEntries(NAMES.map((name) => [name, actor])))
  }
  const [ours, loop, fastCheck] = await interleaved(
    [
      () => run(scenario, schedules),
      () =>
        // One turn more each: the start is one too.
        asyncLoop(schedules, { actors: ACTORS, points: POINTS + 1, choose: chooser() }),
      () => fastCheckSchedules(schedules / 20),
    ],
    { rounds: ROUNDS },
  )
  const rate = (ns, count = schedules) => (count / ns) * 1e9
  const value = rate(ours)
  return [
    {
      name: 'explore-rate',
      value,
      unit: 'schedules/s',
      reference: rate(loop),
      bar: 0.75,
      better: 'higher',
    },
    {
      name: 'explore-rate-fast-check',
      value,
      unit: 'schedules/s',
      reference: rate(fastCheck, schedules / 20),
      bar: 12,
      better: 'higher',
    },
  ]
}

/** A mirror that is mapped while the process unmaps, in a fresh simulation each time. */
async function exploreSim() {
  const schedules = 1000
  const { points } = await run(mirrorScenario, schedules)
  const each = Math.round(points / schedules / 2)
  const [ours, loop] = await interleaved(
    [
      () => run(mirrorScenario, schedules),
      () => asyncLoop(schedules, { actors: 2, points: each, choose: chooser() }),
    ],
    { rounds: ROUNDS },
  )
  const rate = (ns) => (schedules / ns) * 1e9
  return [
    {
      name: 'explore-sim',
      value: rate(ours),
      unit: 'schedules/s',
      reference: rate(loop),
      bar: 0.3,
      better: 'higher',
    },
  ]
}

async function mirrorScenario({ backend, race }) {
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const buffer = await space.mmap({ pages: 16, protection: 'rw' })
  const table = new Map()
  const mirror = await device.mirror(space, buffer, { invalidate: () => table.clear() })
  await race({
    driver: async () => {
      for (let page = 0; page < 8; page++) {
        await mirror.map(buffer.slice(page, 1), { access: 'write' }, (mapping) => {
          table.set(page, mapping.dmaAddress(0))
        })
      }
    },
    cpu: async () => {
      for (let page = 0; page < 4; page++) {
        await space.madvise(buffer.slice(page, 1), 'dontneed')
        await space.write(buffer.page(page).at(0), new Uint8Array(8))
      }
    },
  })
  await mirror.close()
  await device.close()
  await space.close()
}

async function run(scenario, schedules) {
  const result = await explore(scenario, { budget: { schedules }, selfCheck: false })
  if (result.failure !== undefined) throw new Error(result.failure.message)
  if (result.schedules !== schedules) throw new Error(`${result.schedules} schedules ran`)
  return result
}

/** Turns as random as those of the exploration. */
function chooser() {
  let state = 7
  return (n) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % n
  }
}

async function fastCheckSchedules(runs) {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const actor = async (id) => {
        for (let i = 0; i < POINTS; i++) await scheduler.schedule(Promise.resolve(), `${id} ${i}`)
      }
      const all = Promise.all(NAMES.map(actor))
      await scheduler.waitIdle()
      await all
    }),
    { numRuns: runs },
  )
}

/** Heap that is in use after a million schedules of one exploration, against a tenth of them. */
async function exploreMemory() {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const heap = []
  let runs = 0
  const scenario = async ({ race, point }) => {
    runs++
    if (runs === 100_000 || runs === 1_000_000) {
      gc()
      heap.push(process.memoryUsage().heapUsed)
    }
    const actor = async () => {
      for (let i = 0; i < 4; i++) await point('p')
    }
    await race({ a: actor, b: actor, c: actor })
  }
  const schedules = 1_000_000
  const strategies = { preemptions: [0, 1, 2, 3] }
  const budget = { schedules, ms: 1e9, flat: schedules }
  const result = await explore(scenario, { budget, strategies, selfCheck: false })
  if (result.schedules < schedules) throw new Error(`${result.schedules} schedules ran`)
  return [
    {
      name: 'explore-memory',
      value: heap[1] / 2 ** 20,
      unit: 'MiB',
      reference: heap[0] / 2 ** 20,
      bar: 1.1,
    },
  ]
}
