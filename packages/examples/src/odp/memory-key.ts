interface Translation {
  readonly dmaPage: number
  readonly writable: boolean
}

/**
 * A memory key inside the adapter: what the peer may do with a region, and where its pages are for
 * the device. A page without a translation is not an error, it is a page fault.
 */
export class MemoryKey {
  readonly pages: number
  readonly writable: boolean
  /** Requests that use it now. */
  users = 0
  #destroyed = false
  readonly #translations = new Map<number, Translation>()

  constructor(pages: number, writable: boolean) {
    this.pages = pages
    this.writable = writable
  }

  get destroyed(): boolean {
    return this.#destroyed
  }

  install(page: number, count: number, dmaPage: number, writable: boolean): boolean {
    if (this.#destroyed || page + count > this.pages) return false
    for (let index = 0; index < count; index++) {
      this.#translations.set(page + index, { dmaPage: dmaPage + index, writable })
    }
    return true
  }

  drop(page: number, count: number): boolean {
    if (page + count > this.pages) return false
    for (let index = 0; index < count; index++) this.#translations.delete(page + index)
    return true
  }

  /** Forgets everything and takes no more requests. */
  destroy(): void {
    this.#destroyed = true
    this.#translations.clear()
  }

  /** The DMA page of `page`, if it is translated for that access. */
  translate(page: number, access: 'read' | 'write'): number | undefined {
    const found = this.#translations.get(page)
    if (found === undefined || (access === 'write' && !found.writable)) return undefined
    return found.dmaPage
  }
}
