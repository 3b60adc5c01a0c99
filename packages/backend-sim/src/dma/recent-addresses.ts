import type { MisuseSites } from '@hmm-sdk/hmm-api'

/** Ranges that are remembered, a power of two. */
const SIZE = 1024

/** Where things were mapped that are not any more: the last thousand. */
export class RecentAddresses {
  /** Starts and ends by turns. */
  private readonly bounds: number[] = []
  /** Of each range, if that was ever recorded. */
  private sites: (MisuseSites | undefined)[] | undefined
  private next = 0
  private readonly pageSize: number

  constructor(pageSize: number) {
    this.pageSize = pageSize
  }

  /** Bytes of DMA space. (Addresses are made here: as arguments they would be objects.) */
  add(dmaPage: number, offset: number, bytes: number, sites?: MisuseSites): void {
    const { bounds, next } = this
    const start = dmaPage * this.pageSize + offset
    bounds[next] = start
    bounds[next + 1] = start + bytes
    if (this.sites !== undefined || sites !== undefined) this.setSites(next >> 1, sites)
    this.next = (next + 2) & (2 * SIZE - 1)
  }

  private setSites(at: number, sites: MisuseSites | undefined): void {
    this.sites ??= []
    this.sites[at] = sites
  }

  has(address: number): boolean {
    const { bounds } = this
    for (let at = 0; at < bounds.length; at += 2) {
      if (address >= bounds[at]! && address < bounds[at + 1]!) return true
    }
    return false
  }

  /** Who mapped and unmapped what was there last, if that was recorded. */
  sitesOf(address: number): MisuseSites | undefined {
    const { bounds, sites } = this
    if (sites === undefined) return undefined
    for (let back = 1; back <= SIZE; back++) {
      const at = (this.next - 2 * back + 2 * SIZE) & (2 * SIZE - 1)
      if (address >= bounds[at]! && address < bounds[at + 1]!) return sites[at >> 1]
    }
    return undefined
  }
}
