import type { Leak } from '../event.js'
import type { DmaList } from './dma-list.js'

/** The live lists that show memory of a buffer, or of a device to its peers: they end with it. */
export class LiveLists {
  readonly #lists = new Set<DmaList>()

  add(list: DmaList): void {
    this.#lists.add(list)
  }

  delete(list: DmaList): void {
    this.#lists.delete(list)
  }

  /** Closes all; what there was, as leaks. */
  async close(): Promise<readonly Leak[]> {
    const leaks: Leak[] = []
    for (const list of this.#lists) {
      leaks.push({ kind: list.kind, name: list.name })
      await list.close()
    }
    return leaks
  }
}
