import { AnonVma, isForkChild, linkAnon } from './anon-vma.js'
import { VM_ACCESS, type Vma } from './vma.js'

/**
 * Gives `vma` an AnonVma before its first anonymous page (`anon_vma_prepare`); one of a neighbour
 * if both could be one mapping but for their rights, so that they can be merged later.
 */
export function anonPrepare(vma: Vma): void {
  if (vma.anonVma !== undefined) return
  const { vmas, machine } = vma.mm
  const before = vmas.find(vma.start - 1)
  const after = vmas.find(vma.end)
  const shared =
    (after !== undefined && compatible(vma, after) ? reusable(after) : undefined) ??
    (before !== undefined && compatible(before, vma) ? reusable(before) : undefined)
  linkAnon(vma, shared ?? new AnonVma(machine.reverseMap))
}

/** `reusable_anon_vma`. */
function reusable(vma: Vma): AnonVma | undefined {
  return isForkChild(vma) ? undefined : vma.anonVma
}

/** Whether `second` continues `first`, rights aside (`anon_vma_compatible`). */
function compatible(first: Vma, second: Vma): boolean {
  return (
    first.end === second.start &&
    first.file === second.file &&
    (first.flags & ~VM_ACCESS) === (second.flags & ~VM_ACCESS) &&
    first.offsetOf(first.end) === second.pgoff &&
    first.anonOffsetOf(first.end) === second.anonPgoff
  )
}
