import { shown } from '../error/shown.js'

declare const KIND: unique symbol

/** Address in a process's address space (the kernel's `unsigned long address`), in bytes. */
export type VirtualAddress = bigint & { readonly [KIND]: 'virtual' }
/** Physical address of memory (`phys_addr_t`), in bytes. */
export type PhysicalAddress = bigint & { readonly [KIND]: 'physical' }
/** Address that a device uses (`dma_addr_t`; an IOVA behind an IOMMU), in bytes. */
export type DmaAddress = bigint & { readonly [KIND]: 'dma' }
/** Address on a PCI bus (`pci_bus_addr_t`), as a peer below the same switch uses it, in bytes. */
export type BusAddress = bigint & { readonly [KIND]: 'bus' }
/** Number of a page of physical memory (a pfn). */
export type PageFrame = number & { readonly [KIND]: 'page-frame' }
/** Number of a page of DMA address space: a {@link DmaAddress} divided by the page size. */
export type DmaPage = number & { readonly [KIND]: 'dma-page' }

const LIMIT = 1n << 64n
const PAGE_LIMIT = 2 ** 52

function address(kind: string, value: bigint | number): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new TypeError(`${kind} address ${shown(value)} is not a safe integer: pass a bigint`)
  }
  const big = BigInt(value)
  if (big < 0n || big >= LIMIT) {
    throw new RangeError(`${kind} address ${shown(big)} does not fit 64 bits`)
  }
  return big
}

function page(kind: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= PAGE_LIMIT) {
    throw new RangeError(`${kind} ${shown(value)} is not a page number in 0..2^52-1`)
  }
  return value
}

/** Checked {@link VirtualAddress}. Throws TypeError or RangeError if it does not fit 64 bits. */
export const virtualAddress = (value: bigint | number) =>
  address('virtual', value) as VirtualAddress
/** Checked {@link PhysicalAddress}. Throws TypeError or RangeError if it does not fit 64 bits. */
export const physicalAddress = (value: bigint | number) =>
  address('physical', value) as PhysicalAddress
/** Checked {@link DmaAddress}. Throws TypeError or RangeError if it does not fit 64 bits. */
export const dmaAddress = (value: bigint | number) => address('DMA', value) as DmaAddress
/** Checked {@link BusAddress}. Throws TypeError or RangeError if it does not fit 64 bits. */
export const busAddress = (value: bigint | number) => address('bus', value) as BusAddress
/** Checked {@link PageFrame}. Throws RangeError outside 0..2^52-1. */
export const pageFrame = (value: number) => page('page frame', value) as PageFrame
/** Checked {@link DmaPage}. Throws RangeError outside 0..2^52-1. */
export const dmaPage = (value: number) => page('DMA page', value) as DmaPage
