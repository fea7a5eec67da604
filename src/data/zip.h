// src/data/zip.h: what of a zip archive an .npz needs.
//
// Members stored or deflated, never on disk: names are names, not paths. The archive must be covered exactly: local
// headers, data and descriptors one after the other from offset 0, then the directory, then its end. So entries that
// overlap, gaps, and anything before or behind are refused; and so are names that come twice, encryption, several disks
// and sizes that need zip64. A local header may repeat its sizes in a zip64 field, as numpy's do; they must be the
// same. Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 6.3.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/data/byte_stream.h"
#include "udnn/status.h"

namespace udnn::data {

struct ZipMember {
  std::string name;
  ByteStream::Member content;  ///< borrows the bytes of the archive
};

/// In order of their data. `file` begins every refusal. Errors: kInvalidArgument.
Result<std::vector<ZipMember>> read_zip(std::span<const std::byte> bytes, const std::string& file);

/// One after the other into the bytes of an archive, stored; the date is always 1980-01-01.
class ZipWriter {
 public:
  /// `content` in two pieces, as headers and elements come. Errors: kInvalidArgument (the archive reaches 4 GiB, 65535
  /// members, a name of 64 KiB).
  Status add(const std::string& name, std::span<const std::byte> first, std::span<const std::byte> second);

  /// The archive.
  std::vector<std::byte> finish() &&;

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::byte> directory_;
  std::size_t members_ = 0;
};

}  // namespace udnn::data
