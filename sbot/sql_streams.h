#pragma once

#include <memory>

#include "sbot/sql_methods.h"
#include "sbot/sql_options.h"

namespace sbot::app {

/// The answer of a query, row by row; a live one's goes on with `{"sync":true}` and then with
/// `{"added":[…],"removed":[…],"changed":[…]}` whenever it has changed.
std::unique_ptr<muxrpc::Source> sql_stream(SqlServices& services, SqlOptions options);

}  // namespace sbot::app
