import type { MisuseSites } from '@hmm-sdk/hmm-api'
import type { Tracer } from '../sim/tracer.js'

/** Frames that are looked at: the SDK's own come first. */
const DEPTH = 40
const OWN = /(hmm-api|backend-sim)[/\\](src|dist)[/\\](?!conformance[/\\])|\bnode:/
const PLACE = /:\d+:\d+\)?$/

/**
 * Remembers who mapped what, for reports. A stack takes microseconds, so it does only when it was
 * told to (`sim.recordCallSites`) or while the backend is traced; it keeps what is alive.
 */
export class CallSites {
  private readonly tracer: Tracer
  private readonly always: boolean
  /** Made when something is recorded: simulations are made by the thousand. */
  #of: WeakMap<object, MisuseSites> | undefined

  constructor(tracer: Tracer, always: boolean) {
    this.tracer = tracer
    this.always = always
  }

  get recording(): boolean {
    return this.tracer.listener !== undefined || this.always
  }

  /** Whether something is recorded, or was. */
  get used(): boolean {
    return this.#of !== undefined || this.recording
  }

  /** Where the driver is now, if that is recorded; undefined if no frame of it is on the stack. */
  here(): string | undefined {
    return this.recording ? driverFrame() : undefined
  }

  /** `object` was mapped by the call that runs. */
  mapped(object: object): void {
    if (this.recording) (this.#of ??= new WeakMap()).set(object, { mapped: driverFrame() })
  }

  /** `object` was unmapped by the call that runs. What is known of it then. */
  unmapped(object: object): MisuseSites | undefined {
    const known = this.of(object)
    if (!this.recording) return known
    const sites = { ...known, unmapped: driverFrame() }
    // What was mapped before anything was recorded may be another mapping soon.
    if (known !== undefined) this.#of!.set(object, sites)
    return sites
  }

  /** Others that were mapped by the same call as `object`. */
  share(object: object, others: Iterable<object>): void {
    const sites = this.of(object)
    if (sites !== undefined) for (const each of others) this.#of!.set(each, sites)
  }

  /** What is known of `object`. */
  of(object: object | undefined): MisuseSites | undefined {
    return this.#of === undefined || object === undefined ? undefined : this.#of.get(object)
  }
}

/** The innermost frame that is not of the SDK, such as `send (file:///driver.ts:12:7)`. */
function driverFrame(): string | undefined {
  const v8 = Error as ErrorConstructor & { stackTraceLimit?: number | undefined }
  const limit = v8.stackTraceLimit
  v8.stackTraceLimit = DEPTH
  const { stack = '' } = new Error()
  v8.stackTraceLimit = limit
  const frame = stack.split('\n').find((line) => PLACE.test(line) && !OWN.test(line))
  return frame?.trim().replace(/^at (async )?/, '')
}
