#pragma once

/// Marks what libswan exports; everything else in it is hidden.
#define SWAN_API __attribute__((visibility("default")))
