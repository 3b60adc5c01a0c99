// What the kernel backend adds to the ioctl that does the work. Runs where the module is loaded; `bench --kernel`
// brings it there. REFERENCE is the built bench/reference/kernel-map.c.
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { openBackend } from '@hmm-sdk/hmm-api'
import { rawOf } from '@hmm-sdk/hmm-api/raw'
import { median } from './median.mjs'

const PAGES = 512
const ROUNDS = 31
/** Rounds before those: another row compiled the same code for other calls. */
const UNMEASURED = 8
/** Calls of one round of a single page. */
const CALLS = 400
/**
 * Rounds until the engine has compiled what there is to compile: seconds, where it is emulated. In
 * rounds as they are measured, so that what makes the calls is compiled too.
 */
const WARMUP = 40

export default async function measure() {
  stayOnOneProcessor()
  const reference = new Reference(process.env.HMM_SDK_BENCH_REFERENCE)
  const devices = { demo: { kernel: { soft: true } } }
  const backend = await openBackend({ backend: 'kernel', config: { devices } })
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const range = await space.mmap({ pages: PAGES })
  await space.madvise(range, 'nohugepage')
  for (let page = 0; page < PAGES; page++) {
    await space.write(range.page(page).start, Uint8Array.of(1))
  }
  const mirror = await device.mirror(space, range, { invalidate: () => undefined })

  /** Median nanoseconds of one map; as the reference does it. */
  const map = async (kind, pages, calls) => {
    const part = range.slice(0, pages)
    const times = new Float64Array(calls)
    for (let call = 0; call < calls; call++) {
      if (kind === 'fault') await space.madvise(part, 'dontneed')
      const begin = performance.now()
      await mirror.map(part, { access: 'write' }, () => 0)
      times[call] = performance.now() - begin
      mirror.unmap(part)
    }
    return 1e6 * median(times)
  }
  /** The same below the API, without a promise: the addon, and the backend around it. */
  const raw = rawOf(mirror)
  const mapRaw = (kind, pages, calls) => {
    const request = { first: 0, pages, write: true, fault: true }
    const times = new Float64Array(calls)
    for (let call = 0; call < calls; call++) {
      const begin = performance.now()
      raw.map(request, {}).commit(() => 0)
      times[call] = performance.now() - begin
      raw.unmap(0, pages)
    }
    return 1e6 * median(times)
  }
  const row = async (name, kind, pages, calls, bar, work = map) => {
    const values = []
    const references = []
    for (let round = -UNMEASURED; round < ROUNDS; round++) {
      const [one, other] = [await reference.map(kind, pages, calls), await work(kind, pages, calls)]
      if (round < 0) continue
      references.push(one)
      values.push(other)
    }
    return { name, value: median(values), reference: median(references), unit: 'ns', bar }
  }

  for (let round = 0; round < WARMUP; round++) await map('present', 1, CALLS)
  const rows = [
    await row('kernel-batch', 'present', PAGES, 40, 1.15),
    await row('kernel-call', 'present', 1, CALLS, 1.6),
    await row('kernel-call-raw', 'present', 1, CALLS, undefined, mapRaw),
    await row('kernel-call-fault', 'fault', 1, 50),
  ]
  await reference.end()
  await mirror.close()
  await device.close()
  await space.close()
  await backend.close()
  return rows
}

/**
 * From here on for this thread and the processes that it starts: emulated processors differ by a third,
 * each for a while, and so would what takes turns on them.
 */
function stayOnOneProcessor() {
  const last = String(availableParallelism() - 1)
  const { status } = spawnSync('taskset', ['-cp', last, String(process.pid)])
  if (status !== 0) console.error('no taskset: what is compared may run on different processors')
}

/** The C program, asked line by line so that both take turns. */
class Reference {
  #child
  #lines

  constructor(program) {
    this.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async map(kind, pages, calls) {
    this.#child.stdin.write(`${kind} ${pages} ${calls}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the reference program ended')
    return Number(value)
  }

  async end() {
    this.#child.stdin.end()
    await new Promise((resolve) => this.#child.once('exit', resolve))
  }
}
