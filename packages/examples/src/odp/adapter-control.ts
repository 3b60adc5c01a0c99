import { HmmError, type Device, type MappedRun } from '@hmm-sdk/hmm-api'
import { COMMAND, CONTROL } from './adapter-registers.js'

/**
 * The driver's hands on the adapter. Every method is a few register writes without a wait between
 * them, so it may be called from commits and invalidate callbacks, and none can come in between.
 */
export class AdapterControl {
  readonly #device: Device

  constructor(device: Device) {
    this.#device = device
    device.registers.write64(CONTROL.pageShift, BigInt(device.dma.limits.pageShift))
  }

  createKey(key: number, pages: number, writable: boolean): void {
    this.#set(CONTROL.count, pages)
    this.#set(CONTROL.writable, writable ? 1 : 0)
    this.#run(COMMAND.createKey, key)
  }

  /** Installs pages that follow each other, the first at page index `page` of the region. */
  install(key: number, page: number, run: MappedRun): void {
    this.#set(CONTROL.page, page)
    this.#set(CONTROL.count, run.pages)
    this.#set(CONTROL.dmaPage, run.dmaPage)
    this.#set(CONTROL.writable, run.writable ? 1 : 0)
    this.#run(COMMAND.install, key)
  }

  drop(key: number, page: number, pages: number): void {
    this.#set(CONTROL.page, page)
    this.#set(CONTROL.count, pages)
    this.#run(COMMAND.drop, key)
  }

  destroyKey(key: number): void {
    this.#run(COMMAND.destroyKey, key)
  }

  /** Requests of the peer that use the key now. */
  users(key: number): number {
    this.#set(CONTROL.key, key)
    return Number(this.#device.registers.read64(CONTROL.users))
  }

  /** DMA accesses that the adapter has done. */
  get accesses(): number {
    return Number(this.#device.registers.read64(CONTROL.accesses))
  }

  #set(register: number, value: number): void {
    this.#device.registers.write64(register, BigInt(value))
  }

  #run(command: number, key: number): void {
    this.#set(CONTROL.key, key)
    this.#set(CONTROL.command, command)
    if (this.#device.registers.read64(CONTROL.done) === 1n) return
    throw new HmmError('EIO', { message: `the adapter refused command ${command} on key ${key}` })
  }
}
