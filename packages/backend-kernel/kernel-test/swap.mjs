// Swap in memory (zram), without which a kernel reclaims no anonymous pages. Nothing happens where there is swap
// already, or where it cannot be had: then the capability space.pageout says so.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const DEVICE = 'zram0'
const BYTES = 256 * 2 ** 20

/** What became of it, in a line. */
export function addSwap() {
  if (readFileSync('/proc/swaps', 'utf8').trimEnd().split('\n').length > 1) return 'there is swap'
  try {
    execFileSync('modprobe', ['zram'], { stdio: 'pipe' })
    writeFileSync(`/sys/block/${DEVICE}/disksize`, String(BYTES))
    execFileSync('mkswap', [`/dev/${DEVICE}`], { stdio: 'pipe' })
    execFileSync('swapon', [`/dev/${DEVICE}`], { stdio: 'pipe' })
    return `swap on ${DEVICE}: ${BYTES / 2 ** 20} MiB`
  } catch (error) {
    return `no swap: ${error.message.split('\n')[0]}`
  }
}
