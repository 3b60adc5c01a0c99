import type { RawMapAttempt } from '@hmm-sdk/hmm-api/raw'
import { check, EBADF, ESTALE } from './call-error.js'
import type { Call } from './descriptor.js'
import type { KernelMirror } from './mirror.js'
import * as uapi from './uapi.js'

/**
 * Pages that MAP or EXCLUSIVE linked, until the commit. The module revokes them by itself when the
 * process changes them; `commit` only asks whether it has.
 */
export class MapAttempt implements RawMapAttempt {
  readonly entries: Uint32Array
  readonly #mirror: KernelMirror
  readonly #first: number
  readonly #pages: number
  readonly #since: number
  readonly #serial: number
  readonly #changed: number
  #undone = false

  constructor(
    mirror: KernelMirror,
    range: { readonly first: number; readonly pages: number },
    call: Call<typeof uapi.Map>,
  ) {
    this.#mirror = mirror
    this.#first = range.first
    this.#pages = range.pages
    this.#since = call.get('eventSeq')
    this.#serial = call.get('serial')
    this.#changed = call.get('changed')
    this.entries = call.words().slice()
  }

  commit(run: () => void): boolean {
    const { descriptor, events, tracer, device } = this.#mirror.parts
    events.drain()
    const { number: mirror } = this.#mirror
    const values = { mirror, first: this.#first, pages: this.#pages, since: this.#since }
    const result = descriptor.once(
      uapi.IOC_COMMIT_CHECK,
      uapi.CommitCheck,
      values,
      (answer) => answer,
    )
    if (result === -ESTALE) {
      events.drain()
      return false
    }
    check(result)
    run()
    if (this.#changed > 0) {
      const page = this.#mirror.startPage + this.#first
      const { id } = this.#mirror
      tracer.emit?.({ type: 'dma-map', device, mirror: id, page, pages: this.#pages })
    }
    return true
  }

  undo(): void {
    if (this.#undone) return
    this.#undone = true
    const { descriptor, tracer, device } = this.#mirror.parts
    const { number: mirror, id } = this.#mirror
    const values = { mirror, serial: this.#serial, first: this.#first, pages: this.#pages }
    const unmapped = descriptor.once(uapi.IOC_UNDO, uapi.Unmap, values, (result, call) => {
      // Closed meanwhile: then nothing is mapped any more.
      if (result !== -EBADF) check(result)
      return result < 0 ? 0 : call.get('unmapped')
    })
    if (unmapped > 0) {
      const page = this.#mirror.startPage + this.#first
      const { emit } = tracer
      emit?.({ type: 'dma-unmap', device, mirror: id, page, pages: this.#pages, cause: 'undo' })
    }
  }
}
