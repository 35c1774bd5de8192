#pragma once

#include <string_view>

/// Standard output of a command, and what became of it.
namespace sbot::app {

/// Writes it at once.
void put(std::string_view text);
/// Whether something could not be written: nobody reads any more, or the disk is full.
bool output_failed();

/// At the end of a command: its status, or another and a line on standard error where its output is
/// lost. Whoever closed the pipe knows that already, and is told nothing.
int end_of_output(int status);

/// Opens /dev/null as standard input, output and error where they are closed: the next files would
/// get their numbers, and what is printed would go there. False if it cannot be opened.
bool open_standard_files();

}  // namespace sbot::app
