// A file system on a disk (in memory: brd), whose files are mapped through a page cache that is written back.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'

const DEVICE = '/dev/ram0'
const KIB = 32 * 1024
const FOLDER = '/tmp/hmm-sdk-disk'

/** What became of it, in a line; HMM_SDK_DISK_FOLDER names the folder then. */
export function addDisk() {
  try {
    command('modprobe', 'brd', 'rd_nr=1', `rd_size=${KIB}`)
    command('modprobe', 'ext4')
    // Without a journal, whose commits write data back too.
    command('mkfs.ext4', '-q', '-F', '-b', '4096', '-O', '^has_journal', DEVICE)
    // Nobody writes back but who asks for it: what is dirty is not old within hours, and never too much. (0 would
    // not do: each page that gets dirty wakes the flusher then, and a new disk has no share of the limit.)
    for (const name of ['dirty_writeback_centisecs', 'dirty_expire_centisecs']) {
      writeFileSync(`/proc/sys/vm/${name}`, '3600000')
    }
    writeFileSync('/sys/block/ram0/bdi/min_ratio', '50')
    mkdirSync(FOLDER, { recursive: true })
    command('mount', '-t', 'ext4', DEVICE, FOLDER)
    process.env.HMM_SDK_DISK_FOLDER = FOLDER
    return `a disk at ${FOLDER}`
  } catch (error) {
    return `no disk: ${error.message.split('\n')[0]}`
  }
}

function command(...words) {
  execFileSync(words[0], words.slice(1), { stdio: 'pipe' })
}
