// src/data/registry.h: the data sets that have a name: what they are, what their files are, and how to get them.
//
// One table. load() takes names from it, fetch() sources and checksums, `udnn data list` all of it; a data set more is
// a row more.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/function_ref.h"
#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

enum class SetKind : std::uint8_t { kEmbedded, kIdx, kCifar };

struct RegisteredFile {
  const char* name;
  std::uint64_t bytes;  ///< unpacked, as sha256 sees them
  const char* sha256;   ///< null where nobody has told it: then only the size is checked
};

enum class SourceKind : std::uint8_t {
  kFolder,  ///< place: where an installed package has put the files
  kDebian,  ///< place: the package; folder: where in it
  kNpm,     ///< place: the package with its version; folder: where in it
  kMirror,  ///< place: URL of the folder that holds FILE.gz or FILE
};

struct Source {
  SourceKind kind;
  const char* place;
  const char* folder = "";
};

struct RegisteredSet {
  const char* name;
  const char* what;  ///< half a line
  SetKind kind;
  SampleShape shape;
  std::size_t train, test, classes;
  std::span<const char* const> class_names;
  std::span<const RegisteredFile> files;
  std::span<const Source> sources;  ///< in the order in which they are tried
  const char* licence;
  const char* origin = nullptr;    ///< where no source has it: the archive, and the page that offers it
  const char* unpacked = nullptr;  ///< the folder that the archive becomes
};

std::span<const RegisteredSet> registered_sets() noexcept;

/// Null: no such name.
const RegisteredSet* find_set(std::string_view name) noexcept;

/// DATA_ROOT/NAME: where fetch() puts the files, and where the user may.
std::string home_of(const RegisteredSet& set, const std::string& data_root);

/// What people can do to have it: "get it with: udnn data get mnist"; where fetch() has no source, where it is offered.
std::string how_to_get(const RegisteredSet& set);

enum class FileState : std::uint8_t { kMissing, kRight, kWrong };

/// Reads `path`, unpacking it where it is gzip, gives each piece to `use` (which may be empty and may refuse), and
/// compares size and checksum with the table. Never reads more than one byte beyond the size. Errors: kInvalidArgument
/// (other bytes: both are named), kIoError, and what `use` said.
Status check_file(const std::string& path, const RegisteredFile& file,
                  base::FunctionRef<Status(std::span<const std::byte>)> use = {});

/// What lies under FOLDER/NAME or FOLDER/NAME.gz, read whole. Wrong: other bytes than the table knows.
FileState state_of(const RegisteredFile& file, const std::string& folder);

/// The first of home and installed folders where all files are, plain or .gz, whatever they hold; nullopt: none.
std::optional<std::string> folder_of(const RegisteredSet& set, const std::string& data_root);

}  // namespace udnn::data
