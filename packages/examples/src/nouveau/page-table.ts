import type { Access } from '@hmm-sdk/hmm-api'
import { RIGHT } from './gpu-registers.js'

interface Entry {
  readonly dmaPage: number
  readonly rights: number
}

/** The GPU's page table of one address space: virtual page number to DMA page. */
export class PageTable {
  readonly #entries = new Map<number, Entry>()

  map(page: number, count: number, dmaPage: number, rights: number): void {
    for (let index = 0; index < count; index++) {
      this.#entries.set(page + index, { dmaPage: dmaPage + index, rights })
    }
  }

  zap(page: number, count: number): void {
    for (let index = 0; index < count; index++) this.#entries.delete(page + index)
  }

  /** The DMA page of a virtual page, if it is mapped for that access. */
  translate(page: number, access: Access): number | undefined {
    const entry = this.#entries.get(page)
    if (entry === undefined) return undefined
    if (access === 'write' && (entry.rights & RIGHT.write) === 0) return undefined
    if (access === 'atomic' && (entry.rights & RIGHT.atomic) === 0) return undefined
    return entry.dmaPage
  }
}
