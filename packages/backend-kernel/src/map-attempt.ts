import type { RawMapAttempt } from '@hmm-sdk/hmm-api/raw'
import { check, EBADF, ESTALE } from './call-error.js'
import type { FixedCall } from './descriptor.js'
import type { KernelMirror } from './mirror.js'
import * as uapi from './uapi.js'

const TWO_32 = 2 ** 32

/**
 * Pages that MAP or EXCLUSIVE linked, until the commit. The module revokes them by itself when the
 * process changes them; `commit` only asks whether it has.
 */
export class MapAttempt implements RawMapAttempt {
  /** Not to be used any more after `commit` or `undo`. */
  readonly entries: Uint32Array
  // Not `#private`, and nothing set here but in the constructor: both would be a function called
  // for each object, and devices map often.
  private readonly mirror: KernelMirror
  private readonly first: number
  private readonly pages: number
  private readonly sinceLow: number
  private readonly sinceHigh: number
  private readonly serial: number
  private readonly changed: number
  private readonly flow: number
  private call: FixedCall | undefined
  private undone: boolean

  /**
   * The two words of `since`, `serial` and `changed` are fields of the reply. `call`, whose memory
   * the entries are, goes back to the mirror's {@link FastMap} when nobody needs them any more.
   */
  constructor(
    mirror: KernelMirror,
    first: number,
    pages: number,
    sinceLow: number,
    sinceHigh: number,
    serial: number,
    changed: number,
    entries: Uint32Array,
    call: FixedCall | undefined,
    flow: number,
  ) {
    this.mirror = mirror
    this.first = first
    this.pages = pages
    this.sinceLow = sinceLow
    this.sinceHigh = sinceHigh
    this.serial = serial
    this.changed = changed
    this.entries = entries
    this.call = call
    this.flow = flow
    this.undone = false
  }

  commit(run: () => void): boolean {
    const { events, tracer, device } = this.mirror.parts
    events.drain()
    // The shared page says without a system call that there was no event at all since; an event is
    // there before whoever caused it goes on.
    if (!events.isNewest(this.sinceLow, this.sinceHigh) && !this.check()) return false
    run()
    this.end()
    if (this.changed > 0 && tracer.emit !== undefined) {
      const page = this.mirror.startPage + this.first
      const { flow, pages } = this
      tracer.emit({ type: 'dma-map', device, mirror: this.mirror.id, page, pages, flow })
    }
    return true
  }

  /** Whether none of the events since is about these pages; they are dispatched. */
  private check(): boolean {
    const { descriptor, events } = this.mirror.parts
    const { number: mirror } = this.mirror
    const since = this.sinceHigh * TWO_32 + this.sinceLow
    const values = { mirror, first: this.first, pages: this.pages, since }
    const result = descriptor.once(
      uapi.IOC_COMMIT_CHECK,
      uapi.CommitCheck,
      values,
      (answer) => answer,
    )
    if (result === -ESTALE) events.drain()
    else check(result)
    return result !== -ESTALE
  }

  private end(): void {
    const { call } = this
    if (call === undefined) return
    this.call = undefined
    this.mirror.parts.fastMap.takeBack(call)
  }

  undo(): void {
    if (this.undone) return
    this.undone = true
    this.end()
    const { descriptor, tracer, device } = this.mirror.parts
    const { number: mirror, id } = this.mirror
    const values = { mirror, serial: this.serial, first: this.first, pages: this.pages }
    const unmapped = descriptor.once(uapi.IOC_UNDO, uapi.Unmap, values, (result, call) => {
      // Closed meanwhile: then nothing is mapped any more.
      if (result !== -EBADF) check(result)
      return result < 0 ? 0 : call.get('unmapped')
    })
    if (unmapped > 0) {
      const page = this.mirror.startPage + this.first
      const { flow, pages } = this
      tracer.emit?.({ type: 'dma-unmap', device, mirror: id, page, pages, cause: 'undo', flow })
    }
  }
}
