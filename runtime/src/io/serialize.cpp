#include <grove/base/error.hpp>
#include <grove/io/serialize.hpp>

#include <system_error>

namespace grove {

void ByteReader::throw_too_short() {
    throw std::system_error{make_error_code(Errc::bad_message), "ByteReader: the bytes end too early"};
}

}  // namespace grove
