import { HmmError, type Completion, type Device, type VirtualAddress } from '@hmm-sdk/hmm-api'
import type { GpuControl } from './gpu-control.js'
import { PROGRAM } from './gpu-registers.js'
import type { SharedMemory } from './shared-memory.js'

/**
 * A queue of the GPU that runs programs on plain pointers of a process. What goes wrong in one
 * channel ends that channel's program only.
 */
export class Channel {
  readonly id: number
  readonly memory: SharedMemory
  readonly #control: GpuControl
  readonly #ended: Completion
  #busy = false
  #cause: unknown

  constructor(device: Device, control: GpuControl, id: number, memory: SharedMemory) {
    this.#control = control
    this.#ended = device.sync.completion(`program of channel ${id}`)
    this.id = id
    this.memory = memory
  }

  /** Whether the program was cancelled: nothing of it may be replayed any more. */
  get isCancelled(): boolean {
    return this.#cause !== undefined
  }

  /**
   * c[i] = a[i] + b[i] for `words` 32-bit words. Errors: EFAULT when the channel was cancelled,
   * with the reason as its cause; EIO when the bus failed; EBUSY when it runs something already.
   */
  vectorAdd(a: VirtualAddress, b: VirtualAddress, c: VirtualAddress, words: number): Promise<void> {
    return this.#run(PROGRAM.vectorAdd, [a, b, c], words)
  }

  /** Adds `delta` to the 32-bit word, `times` times, atomically. Same errors. */
  atomicAdd(word: VirtualAddress, delta: number, times: number): Promise<void> {
    return this.#run(PROGRAM.atomicAdd, [word, BigInt(delta)], times)
  }

  /** Why its faults fail from now on; the GPU ends the program at the first that does. */
  blame(cause: unknown): void {
    if (this.#busy) this.#cause ??= cause
  }

  /** Called for every interrupt. */
  checkEnded(): void {
    if (this.#busy && this.#control.state(this.id) !== 'running') this.#ended.complete()
  }

  /** Cancels what runs, and waits for its end. */
  async close(): Promise<void> {
    if (!this.#busy) return
    this.blame(new HmmError('ECANCELED', { message: `channel ${this.id} was closed` }))
    this.#control.cancel(this.id)
    await this.#ended.wait()
  }

  async #run(program: number, values: readonly bigint[], count: number): Promise<void> {
    if (this.#busy) {
      throw new HmmError('EBUSY', { message: `channel ${this.id} runs a program already` })
    }
    this.#busy = true
    this.#cause = undefined
    this.#ended.reset()
    this.#control.start(this.id, { vmm: this.memory.vmm, program, arguments: values, count })
    await this.#ended.wait()
    this.#busy = false
    const { state, faultAddress, busError } = this.#control.takeState(this.id)
    if (state === 'done') return
    if (busError) {
      throw new HmmError('EIO', {
        message: `a transfer of channel ${this.id} failed at 0x${faultAddress.toString(16)}`,
      })
    }
    throw new HmmError('EFAULT', {
      message: `channel ${this.id} was cancelled at 0x${faultAddress.toString(16)}`,
      hint: 'The GPU used a pointer that the process itself could not use; see the cause.',
      cause: this.#cause,
    })
  }
}
