import type { RawFile, RawPin } from '@hmm-sdk/hmm-api/raw'
import { readFile, writeFile } from '../mm/file-access.js'
import type { MemoryFile } from '../mm/memory-file.js'
import { syncFile } from '../mm/writeback.js'
import { punchHole, truncate } from '../mm/truncate.js'
import type { SimAddressSpace } from './address-space.js'
import type { Simulation } from './simulation.js'

/** An open memory file. Mappings keep the memory after `close`. */
export class SimFile implements RawFile {
  readonly id: number
  readonly file: MemoryFile
  readonly #simulation: Simulation
  readonly #space: SimAddressSpace
  #closed = false

  constructor(simulation: Simulation, space: SimAddressSpace, file: MemoryFile) {
    this.#space = space
    this.#simulation = simulation
    this.id = simulation.newId()
    this.file = file
  }

  truncate(pages: number): Promise<void> {
    return this.#simulation.run(truncate(this.file, pages))
  }

  punchHole(page: number, pages: number): Promise<void> {
    return this.#simulation.run(punchHole(this.file, page, pages))
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return readFile(this.#simulation.machine, this.file, offset, length)
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    writeFile(this.#simulation.machine, this.file, offset, bytes)
  }

  sync(): Promise<void> {
    return this.#simulation.run(syncFile(this.#simulation.machine, this.file))
  }

  uprobe(offset: number): Promise<RawPin> {
    return this.#space.uprobe(this.file, offset)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#simulation.files.delete(this)
    this.file.put()
  }
}
