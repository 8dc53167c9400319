#include "cli/serve_command.h"

#include <fmt/format.h>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/serve_settings.h"
#include "server/serve.h"

namespace swan::cli {

void run_serve(const ServeArguments& arguments) {
  // The server says in its log that it stops.
  const std::atomic<bool>& stop = cancel_on_signal(true);
  ServeJob job;
  {
    Console console(false, false);  // what is downloaded is said before the log begins
    job = make_serve_job(
        arguments, [&](std::string& model, LoadOptions& load) { fetch_models(arguments, console, stop, model, load); });
    console.finish();
  }
  if (job.threads > 0) set_threads(job.threads);
  server::serve(job.settings, stop, job.log_level, [](const std::string& url) {
    print_out(fmt::format("Serving on {}\n", url));  // for people and for programs that wait for it
  });
}

}  // namespace swan::cli
