import { ENTRY_REQ_FAULT, ENTRY_REQ_WRITE } from '@hmm-sdk/hmm-api'

export const NEED_NOTHING = 0
export const NEED_FAULT = 1
export const NEED_WRITE = 2

/**
 * Which fault a page needs (`hmm_pte_need_fault`): `requested` is its entry's high word on input,
 * `cpuFlags` what the page table grants, in the same bits.
 */
export function needFault(
  requested: number,
  cpuFlags: number,
  defaultFlags: number,
  mask: number,
): number {
  const wanted = (requested & mask) | defaultFlags
  if ((wanted & ENTRY_REQ_FAULT) === 0) return NEED_NOTHING
  // VALID and WRITE of the page table stand in the same bits as the requests.
  if ((wanted & ENTRY_REQ_WRITE) !== 0 && (cpuFlags & ENTRY_REQ_WRITE) === 0) return NEED_WRITE
  return (cpuFlags & ENTRY_REQ_FAULT) === 0 ? NEED_FAULT : NEED_NOTHING
}
