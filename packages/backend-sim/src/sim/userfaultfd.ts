import type { RawUserfaultfd } from '@hmm-sdk/hmm-api/raw'
import { pagemapScan } from '../mm/pagemap-scan.js'
import { userfaultCopy, userfaultProtect, userfaultZero } from '../mm/userfaultfd-fill.js'
import { userfaultMove } from '../mm/userfaultfd-move.js'
import { releaseUserfault } from '../mm/userfaultfd-register.js'
import type { Userfaultfd } from '../mm/userfaultfd.js'
import type { Simulation } from './simulation.js'

/** An open userfaultfd of a simulated process. */
export class SimUserfaultfd implements RawUserfaultfd {
  readonly #simulation: Simulation
  readonly #context: Userfaultfd
  #closed = false

  constructor(simulation: Simulation, context: Userfaultfd) {
    this.#simulation = simulation
    this.#context = context
  }

  copy(page: number, bytes: Uint8Array, writeProtect: boolean): Promise<void> {
    return this.#simulation.run(userfaultCopy(this.#context, page, bytes, writeProtect))
  }

  zeropage(page: number, pages: number): Promise<void> {
    return this.#simulation.run(userfaultZero(this.#context, page, pages))
  }

  writeProtect(page: number, pages: number, protect: boolean): Promise<void> {
    return this.#simulation.run(userfaultProtect(this.#context, page, page + pages, protect))
  }

  move(page: number, from: number, pages: number): Promise<void> {
    return this.#simulation.run(userfaultMove(this.#context, page, from, pages))
  }

  scan(page: number, pages: number): Promise<Uint8Array> {
    return this.#simulation.run(pagemapScan(this.#context.mm, page, page + pages))
  }

  async wake(page: number, pages: number): Promise<void> {
    this.#context.wake(page, page + pages)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#simulation.run(releaseUserfault(this.#context))
  }
}
