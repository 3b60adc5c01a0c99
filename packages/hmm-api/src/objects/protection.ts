import { shown } from '../error/shown.js'
import { PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE } from '../raw/raw-address-space.js'

/** Page protection: any of `r`, `w`, `x` in this order, or `none`. */
export type Protection = 'none' | 'r' | 'w' | 'x' | 'rw' | 'rx' | 'wx' | 'rwx'

const BITS: Readonly<Record<Protection, number>> = {
  none: PROT_NONE,
  r: PROT_READ,
  w: PROT_WRITE,
  x: PROT_EXEC,
  rw: PROT_READ | PROT_WRITE,
  rx: PROT_READ | PROT_EXEC,
  wx: PROT_WRITE | PROT_EXEC,
  rwx: PROT_READ | PROT_WRITE | PROT_EXEC,
}

/** The `PROT_*` bits. TypeError for anything that is not a Protection. */
export function protectionBits(protection: Protection): number {
  if (!Object.hasOwn(BITS, protection)) {
    throw new TypeError(
      `protection ${shown(protection)} is not one of ${Object.keys(BITS).join(', ')}`,
    )
  }
  return BITS[protection]
}
