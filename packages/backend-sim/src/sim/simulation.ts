import { HmmError, type Leak } from '@hmm-sdk/hmm-api'
import type { SimDevice } from '../device/sim-device.js'
import { SimAddressSpace } from './address-space.js'
import type { SimFile } from './file.js'
import { InvalidationQueue } from './invalidation-queue.js'
import { Machine } from './machine.js'
import { runOperation, type Operation } from './operation.js'
import type { CheckedOptions } from './options.js'
import { Random } from './random.js'

function tooManyCalls(limit: number): HmmError {
  return new HmmError('ECANCELED', { message: `more than ${limit} calls: somebody tries for ever` })
}

/** One simulated computer with its processes and devices. */
export class Simulation {
  readonly options: CheckedOptions
  readonly machine: Machine
  readonly random: Random
  readonly invalidations: InvalidationQueue
  readonly spaces = new Set<SimAddressSpace>()
  readonly devices = new Set<SimDevice>()
  readonly files = new Set<SimFile>()
  /** Calls beyond this number fail: a limit for who tries for ever. */
  operationLimit = Infinity
  /** Calls that were begun. */
  operations = 0
  #ids = 0

  constructor(options: CheckedOptions) {
    this.options = options
    this.machine = new Machine({
      kernel: options.kernel,
      pageShift: options.pageShift,
      memoryPages: options.memoryPages,
      physicalBase: options.physicalBasePage,
      swiotlbBytes: options.swiotlbBytes,
      recordCallSites: options.recordCallSites,
      costs: options.costs,
      hugePages: options.hugePages,
    })
    this.machine.thp = options.thp
    this.random = new Random(options.seed)
    this.invalidations = new InvalidationQueue(options.deferred, this.machine.scheduler)
  }

  /** A number for a new object; unique in the simulation. */
  newId(): number {
    return ++this.#ids
  }

  newSpace(name: string): SimAddressSpace {
    const space = new SimAddressSpace(this, name)
    this.spaces.add(space)
    return space
  }

  /** Runs what one call does; everything it causes has the flow that it was given, or one of its own. */
  run<T>(operation: Operation<T>, given?: number): Promise<T> {
    const { tracer, scheduler, costs } = this.machine
    const flow = given ?? tracer.newFlow()
    if (++this.operations > this.operationLimit)
      return Promise.reject(tooManyCalls(this.operationLimit))
    const { explorer } = scheduler
    scheduler.charge(costs.call)
    const enter = (): void => {
      tracer.flow = flow
      // Under exploration what is put off is delivered by a strand of its own.
      if (this.invalidations.deferred && explorer === undefined) this.invalidations.flush()
    }
    return runOperation(operation, enter, explorer)
  }

  /** After `close`: its memory may be used by simulations to come, and it must not be used again. */
  retire(): void {
    this.machine.frames.retire()
    this.machine.pageTables.retire()
    this.machine.ioTables.retire()
  }

  /** Ends what still runs and names what was left, in the end also memory that nobody owns. */
  async close(): Promise<Leak[]> {
    const leaks: Leak[] = []
    for (const device of [...this.devices]) {
      leaks.push({ kind: 'device', name: device.name }, ...(await device.close()))
    }
    for (const space of [...this.spaces]) {
      leaks.push({ kind: 'address-space', name: space.name })
      await space.close()
    }
    for (const file of [...this.files]) {
      leaks.push({ kind: 'file', name: `file ${file.id}` })
      await file.close()
    }
    this.invalidations.flush()
    const { frames, swap, pageTables, ioTables } = this.machine
    for (const [kind, used] of [
      ['page', frames.used],
      ['swap', swap.used],
      ['page-table', pageTables.used],
      ['io-page-table', ioTables.used],
    ] as const) {
      if (used > 0) leaks.push({ kind, name: `${used} in use` })
    }
    return leaks
  }
}
