import { HmmError, type AddressSpace, type Backend, type VirtualRange } from '@hmm-sdk/hmm-api'
import { rawOf, type RawBackend, type RawExplorer, type RawWaitKind } from '@hmm-sdk/hmm-api/raw'
import { control, type SimControl } from '../sim/control.js'
import { whenIdle } from '../sim/idle.js'
import type { Explorer, Scheduler } from '../sim/scheduler.js'
import type { RecordedCall, Recording } from './recording.js'
import type { Actors, Scenario } from './scenario.js'

/** Something that runs by itself, and the operation it is in. */
interface Recorded {
  readonly name: string
  op: string
  /** What it calls is a lever's, which makes other calls on other backends. */
  readonly unseen?: boolean
}

/** An AsyncLocalStorage. */
interface Store {
  getStore(): Recorded | undefined
  run<R>(strand: Recorded, work: () => R): R
  disable(): void
}

/**
 * Runs `scenario` once on `backend`, of whatever kind, and writes down in which order the calls of
 * its race came back. Nothing is decided here: actors run as the backend and the event loop let
 * them. `replayRecording` makes a schedule of the simulation of it.
 *
 * The levers of a simulation are not to be had elsewhere: of `world.control` only `reclaim` works
 * on other backends, by `madvise('pageout')`. What the scenario throws is in the recording. The
 * backend is left open. Needs Node.
 */
export async function record(
  scenario: Scenario,
  backend: Backend,
  target = scenario.name,
): Promise<Recording> {
  const raw = rawOf(backend as never) as unknown as RawBackend
  const scheduler = raw.scheduler as { explorer?: RawExplorer | undefined }
  const explorer = new RecordingExplorer()
  scheduler.explorer = explorer
  const stopTime = passTime(raw)
  let error: string | undefined
  try {
    await explorer.main(() =>
      Promise.resolve(
        scenario({
          backend,
          control: controlOf(backend, explorer),
          race: (actors) => explorer.race(actors),
          point: async () => undefined,
        }),
      ),
    )
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown)
  } finally {
    stopTime()
    scheduler.explorer = undefined
    explorer.close()
  }
  return {
    hmm: 'recording',
    version: 1,
    target,
    backend: backend.name,
    ...(error === undefined ? {} : { error }),
    calls: explorer.calls,
  }
}

/** Lets everybody go on at once, and notes who came back from what. */
class RecordingExplorer implements Explorer {
  readonly calls: RecordedCall[] = []
  readonly updates = undefined
  readonly #store = createStore()
  readonly #main: Recorded = { name: 'scenario', op: '' }
  readonly #names = new Map<string, number>()
  #racing = false

  main<R>(work: () => Promise<R>): Promise<R> {
    return this.#store.run(this.#main, work)
  }

  async race(actors: Actors): Promise<void> {
    this.#racing = true
    const running = Object.entries(actors).map(([name, actor]) =>
      this.#store.run(this.#strand(name), async () => actor()),
    )
    const ended = await Promise.allSettled(running)
    this.#racing = false
    for (const each of ended) if (each.status === 'rejected') throw each.reason
  }

  /** Runs `work` without writing down its calls. */
  unseen<R>(work: () => R): R {
    return this.#store.run({ ...this.#self(), unseen: true }, work)
  }

  close(): void {
    this.#store.disable()
  }

  enter(op: string): void {
    this.#self().op = op
  }

  async pause(kind: string): Promise<void> {
    const { name, op, unseen } = this.#self()
    if (kind === 'return' && this.#racing && unseen !== true) this.calls.push({ who: name, op })
  }

  spawn(name: string, work: () => unknown, start: 'now' | 'later'): void {
    const run = (): void => void this.#store.run(this.#strand(name), work)
    if (start === 'now') run()
    else queueMicrotask(run)
  }

  /** Nobody stops at the points of a simulation either. */
  point(): undefined {
    return undefined
  }

  wait(_label: string, _kind: RawWaitKind, listen: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => listen(resolve))
  }

  report(): void {}
  begin(): void {}
  leave(): void {}
  touch(): void {}
  wanted(): void {}
  acquired(): void {}
  released(): void {}

  #self(): Recorded {
    return this.#store.getStore() ?? this.#main
  }

  /** Strands of the same name are counted, as the explorer does. */
  #strand(name: string): Recorded {
    const used = (this.#names.get(name) ?? 0) + 1
    this.#names.set(name, used)
    return { name: used === 1 ? name : `${name} ${used}`, op: '' }
  }
}

/** Moves the time of a simulation on when nothing else can happen; elsewhere it passes by itself. */
function passTime({ name, scheduler }: RawBackend): () => void {
  let over = name !== 'sim'
  const turn = (): void => {
    if (over) return
    ;(scheduler as Scheduler).wakeNext()
    whenIdle(turn)
  }
  turn()
  return () => void (over = true)
}

function createStore(): Store {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown }
  }
  const hooks = process?.getBuiltinModule?.('node:async_hooks') as
    { AsyncLocalStorage: new () => Store } | undefined
  if (hooks === undefined) {
    throw new HmmError('EOPNOTSUPP', { message: 'recording needs Node 20.16 or newer' })
  }
  return new hooks.AsyncLocalStorage()
}

function controlOf(backend: Backend, explorer: RecordingExplorer): SimControl {
  if (backend.name === 'sim') return control(backend)
  const reclaim = async (space: AddressSpace, range: VirtualRange): Promise<number> => {
    await explorer.unseen(() => space.madvise(range, 'pageout'))
    return 0
  }
  return new Proxy({} as SimControl, {
    get: (_target, name) => {
      if (name === 'reclaim') return reclaim
      throw new HmmError('EOPNOTSUPP', {
        message: `control.${String(name)} is a lever of the simulation, not of '${backend.name}'`,
        hint: 'Record a scenario that needs none but reclaim.',
      })
    },
  })
}
