#include "models/depth_first.h"

#include <algorithm>
#include <vector>

#include "core/device.h"
#include "core/error.h"

namespace swan::models {

namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
// The tiles of a minimal-filtering convolution cover two rows: slices begin at even ones, where they do in the whole.
int64_t up_to_even(int64_t n) { return n + n % 2; }

// A step within its chain, in rows of its input.
struct Place {
  int64_t factor = 1;  // for each row of the chain's input
  int64_t margin = 0;  // above and below a part's own rows that its result depends on
  // Whether the rows that are no longer needed are left out before it: before rows are multiplied. Elsewhere they stay,
  // few as they are, so that the blocks of a resolution have one shape.
  bool cut = false;
};

struct Rows {
  int64_t begin, end;
};

class Parts {
 public:
  Parts(const Tensor& x, std::span<const RowStep> steps, int64_t part_bytes)
      : height_(x.dim(1)), places_(steps.size()) {
    for (size_t i = 0; i < steps.size(); ++i) {
      places_[i].cut = i == 0 || steps[i].scale > 1;
      places_[i].factor = factor_;
      factor_ *= steps[i].scale;
    }
    int64_t after = 0;
    for (size_t i = steps.size(); i-- > 0;) {
      after = ceil_div(after, steps[i].scale) + steps[i].halo;
      if (places_[i].cut) after = up_to_even(after);
      places_[i].margin = after;
    }
    // As many rows as the largest result allows, in parts of one height.
    int64_t most = height_;
    const Place* cut = nullptr;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (places_[i].cut) cut = &places_[i];
      const int64_t factor = places_[i].factor * steps[i].scale;
      const int64_t row_bytes = x.dim(2) * factor * steps[i].channels * static_cast<int64_t>(sizeof(float));
      const int64_t input_rows = part_bytes / std::max<int64_t>(row_bytes, 1) / (factor / cut->factor);
      most = std::min(most, (input_rows - 2 * cut->margin) / cut->factor);
    }
    most = std::max({most / 2 * 2, up_to_even(places_[0].margin), int64_t{2}});
    rows_ = up_to_even(ceil_div(height_, ceil_div(height_, most)));
    count_ = rows_ + 2 * places_[0].margin >= height_ ? 1 : ceil_div(height_, rows_);
    if (count_ == 1) rows_ = height_;
  }

  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] int64_t factor() const { return factor_; }
  [[nodiscard]] const Place& place(size_t step) const { return places_[step]; }
  // What a part needs of a step's input, all parts alike in height.
  [[nodiscard]] Rows needed(int64_t part, size_t step) const {
    const Place& at = places_[step];
    const int64_t height = height_ * at.factor;
    if (count_ == 1) return {0, height};
    const int64_t wanted = rows_ * at.factor + 2 * at.margin;
    const int64_t begin = std::max<int64_t>(0, std::min(part * rows_ * at.factor - at.margin, height - wanted)) / 2 * 2;
    const int64_t end = begin + wanted;
    return {begin, height - end < 2 ? height : end};  // an odd height's last row goes with the one before
  }
  // A part's own rows of the chain's result.
  [[nodiscard]] Rows made(int64_t part) const {
    return {part * rows_ * factor_, std::min(height_, (part + 1) * rows_) * factor_};
  }

 private:
  int64_t height_, factor_ = 1, rows_ = 0, count_ = 1;
  std::vector<Place> places_;
};

// Rows of [1, H, W, C], sharing the bytes.
Tensor slice_rows(const Tensor& x, Rows rows) {
  return x.reshape({x.dim(1), x.dim(2), x.dim(3)})
      .slice(rows.begin, rows.end)
      .reshape({1, rows.end - rows.begin, x.dim(2), x.dim(3)});
}

}  // namespace

Tensor depth_first(const Tensor& x, std::span<const RowStep> steps, int64_t part_bytes, Context& ctx) {
  SWAN_ASSERT(!steps.empty() && x.rank() == 4);
  const int64_t batch = x.dim(0), height = x.dim(1);
  const Parts parts(x, steps, part_bytes);
  Tensor out;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t part = 0; part < parts.count(); ++part) {
      Tensor rows = x.slice(b, b + 1);
      int64_t top = 0;  // the first of `rows`, in rows of the step's input
      for (size_t i = 0; i < steps.size(); ++i) {
        ctx.check_cancelled();
        if (parts.place(i).cut) {
          const Rows needed = parts.needed(part, i);
          rows = slice_rows(rows, {needed.begin - top, needed.end - top});
          top = needed.begin;
        }
        rows = steps[i].fn(std::move(rows));
        top *= steps[i].scale;
      }
      const Shape shape = {batch, height * parts.factor(), rows.dim(2), rows.dim(3)};
      if (!out.defined()) out = Tensor::empty(shape, rows.dtype(), rows.device());
      const int64_t row = rows.dim(2) * rows.dim(3) * static_cast<int64_t>(size_of(rows.dtype()));  // bytes
      const Rows made = parts.made(part);
      copy_bytes(out, (b * shape[1] + made.begin) * row, rows, (made.begin - top) * row, (made.end - made.begin) * row);
    }
  }
  return out;
}

}  // namespace swan::models
