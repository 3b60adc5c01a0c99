import { anonymousTests } from './anonymous.js'
import type { DmirrorTest } from './dmirror-test.js'
import { exclusiveTests } from './exclusive.js'
import { fileTests } from './file.js'
import { hugeTests } from './huge.js'
import { hugetlbTests } from './hugetlb.js'
import { migrateTests } from './migrate.js'
import { snapshotTests } from './snapshot.js'
import { userfaultfdTests } from './userfaultfd.js'

/**
 * The tests of the kernel's `hmm-tests.c`, by its names and in its order; each is a function of a backend
 * whose config is `dmirrorConfig()`, of either kind of device memory.
 */
export const dmirrorTests: Readonly<Record<string, DmirrorTest>> = inOrder(
  [
    'open_close',
    'anon_read',
    'anon_read_prot',
    'anon_write',
    'anon_write_prot',
    'anon_write_child',
    'anon_write_child_shared',
    'anon_write_huge',
    'anon_write_hugetlbfs',
    'file_read',
    'file_write',
    'migrate',
    'migrate_file_private',
    'migrate_fault',
    'migrate_release',
    'migrate_shared',
    'migrate_mixed',
    'migrate_multiple',
    'anon_read_multiple',
    'anon_teardown',
    'mixedmap',
    'snapshot',
    'compound',
    'double_map',
    'exclusive',
    'exclusive_mprotect',
    'exclusive_cow',
    'hmm_gup_test',
    'hmm_cow_in_device',
    'migrate_anon_huge_empty',
    'migrate_anon_huge_zero',
    'migrate_anon_huge_free',
    'migrate_anon_huge_fault',
    'migrate_partial_unmap_fault',
    'migrate_remap_fault',
    'migrate_anon_huge_err',
    'migrate_anon_huge_zero_err',
    'benchmark_thp_migration',
    'userfaultfd_read',
  ],
  {
    ...anonymousTests,
    ...exclusiveTests,
    ...fileTests,
    ...hugeTests,
    ...hugetlbTests,
    ...migrateTests,
    ...snapshotTests,
    ...userfaultfdTests,
  },
)

function inOrder<Name extends string>(
  names: readonly Name[],
  tests: Readonly<Record<NoInfer<Name>, DmirrorTest>>,
): Record<string, DmirrorTest> {
  return Object.fromEntries(names.map((name) => [name, tests[name]]))
}
