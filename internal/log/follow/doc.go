// Package follow reads a log that is being written, line by line, across rotation and restarts.
//
// Follow hands out batches of whole lines. Each batch carries the Position behind it; the consumer stores that
// Position in the same transaction as whatever came of the lines, and gives it back at the next start. So every
// line is consumed exactly once, whenever either side dies. There is no other state.
//
// A file is known by device, inode, and a hash of its first line: inodes are reused, and a copied file has
// another one. It handles:
//
//   - rename and create (logrotate's default): the old file is read to its end first, then whatever was rotated
//     after it (PATH.1, PATH-20241123, …), then PATH. The old file counts as finished when a later one has bytes
//     in it: one writer closes the old before it writes to the new. Two writers that reopen at different times
//     are not one writer: what the slower still writes to the old file is not seen.
//   - copytruncate: the rest is read from the copy, then PATH from the start. What was written between logrotate's
//     copying and its truncating is in neither file; nobody can read that. The only other hole: a file that was
//     empty when we looked, then written, copied and truncated within one tick of the file system's clock (4 ms; more where CPU is short).
//   - files that do not exist yet, cannot be read (Open may, else Trouble says what to do), are removed and made anew.
//   - lines without an end yet (waits), and lines over MaxLine bytes (cut and marked, the rest skipped).
//   - rotated files that were compressed meanwhile (gzip, bzip2, xz, zstd, lzma): the text in one is the file it was made
//     of, so reading goes on in it where it stopped in the other.
//
// journald's journal is read through journalctl, whose cursors name each entry. What the mail programs log there is taken
// as lines of a log: what root and the users that mail programs run as wrote, and nobody else, for a program of theirs may
// call itself postfix.
//
// What cannot be read any more, and what was compressed otherwise, is told as a Gap in the next batch, never fatal.
//
// Follow runs in the caller's goroutine and calls out from it, so it reads as fast as out returns and holds one
// buffer. It wakes by inotify, and once in a Poll in any case, for inotify alone loses events. The first lines after a silence it reads
// as they come; of a stream, in which waking up would be nearly all that a line costs, what came within 200 ms together, unless
// the consumer is in a hurry.
//
// The package must not import anything of the house but oldlog (which unpacks, and knows the
// names of rotated files), nor know what a line means.
package follow
