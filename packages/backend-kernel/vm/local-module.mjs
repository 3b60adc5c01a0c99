import { existsSync } from 'node:fs'

/** Whether this machine's own kernel has the module: then no VM is needed. */
export function hasLocalModule() {
  return existsSync('/dev/hmm_sdk')
}
