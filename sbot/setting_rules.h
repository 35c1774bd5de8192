#pragma once

#include <vector>

#include "sbot/config.h"

/// What every setting must be, in one table. Keys that are not in it are kept and ignored.
namespace sbot::app {

/// Who uses the settings. Options of a method are settings too, as the reference has it, so whoever
/// only asks a server is told of nothing but what leads to it.
enum class Use { serve, ask };

/// Errors: who set the first wrong value, what it is, what it must be.
Result<void> check_settings(const Config& config, Use use);

/// What is well-formed and yet not what somebody would expect, a line each.
std::vector<std::string> doubts_about_settings(const Config& config);

/// A number, or a text that is one, as INI files and the environment have it; else NaN.
double number_of(const base::Tree& value);

/// Switches that came as texts become true or false: `false` and `0` are false here.
void settle_switches(base::Tree& all);

}  // namespace sbot::app
