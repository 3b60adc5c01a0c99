/**
 * A page table entry: one 32-bit word, 24 bits of page frame (or swap slot) and 8 of flags.
 *
 * The two top bits stand where range-fault entries have VALID and WRITE, so that a snapshot of
 * present pages is two masks and two stores a page.
 */
export const PTE_PRESENT = 0x8000_0000
export const PTE_WRITE = 0x4000_0000
export const PTE_FRAME = 0x00ff_ffff

/** Of present entries. */
export const PTE_DIRTY = 0x2000_0000
export const PTE_YOUNG = 0x1000_0000
/** No access, to provoke a NUMA hinting fault. */
export const PTE_PROTNONE = 0x0800_0000
/** No struct page behind it: the zero page. */
export const PTE_SPECIAL = 0x0400_0000
/** Also of entries that are not present: userfaultfd write-protects the page. */
export const PTE_UFFD_WP = 0x0200_0000
/** It was written since somebody began to watch; also of entries that are not present. */
export const PTE_SOFT_DIRTY = 0x0100_0000
/** What a write sets (`pte_mkdirty`). */
export const PTE_WRITTEN = PTE_DIRTY | PTE_SOFT_DIRTY

/** Of entries that are not present (and not 0): what kind, and PTE_WRITE for "was writable". */
export const PTE_KIND = 0x1c00_0000
export const PTE_SWAP = 0x0400_0000
export const PTE_MIGRATION = 0x0800_0000
export const PTE_DEVICE_PRIVATE = 0x0c00_0000
export const PTE_DEVICE_EXCLUSIVE = 0x1000_0000
export const PTE_MARKER = 0x1400_0000
export const PTE_HWPOISON = 0x1800_0000
/** The page was dirty when it was replaced by a migration or exclusive entry. */
export const PTE_WAS_DIRTY = 0x2000_0000
/** Of swap entries: no other process has this page (`pte_swp_exclusive`). */
export const PTE_SWAP_EXCLUSIVE = 0x2000_0000

/** What distinguishes an ordinary present entry, and what it then is; for signed comparison. */
export const PTE_NORMAL_MASK = PTE_PRESENT | PTE_PROTNONE | PTE_SPECIAL | 0
export const PTE_NORMAL = PTE_PRESENT | 0

export function ptePresent(pte: number): boolean {
  return (pte & PTE_PRESENT) !== 0
}

/** Whether the entry is not present and of that kind. */
export function pteIs(pte: number, kind: number): boolean {
  return (pte & PTE_PRESENT) === 0 && (pte & PTE_KIND) === kind
}

/** Whether nothing is there but the mark that userfaultfd write-protects it (`pte_is_uffd_wp_marker`). */
export function isUserfaultMarker(pte: number): boolean {
  return pteIs(pte, PTE_MARKER) && (pte & PTE_UFFD_WP) !== 0
}

export function pteFrame(pte: number): number {
  return pte & PTE_FRAME
}
