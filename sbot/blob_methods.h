#pragma once

#include "muxrpc/router.h"
#include "sbot/blob_keeper.h"
#include "sbot/blob_wants.h"

namespace sbot::app {

/// blobs.add, createWants, get, getSlice, has, size, meta, ls, rm; `blobs` and `wants` outlive the
/// router. Protocol source: ssb-blobs 1.2 and multiblob 1.13, whose words the errors are.
void add_blob_methods(muxrpc::Router& router, BlobKeeper& blobs, BlobWants& wants);

}  // namespace sbot::app
