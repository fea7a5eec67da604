#include "tools/score.h"

#include <fmt/format.h>

#include "src/report/chart.h"
#include "src/report/human.h"
#include "src/report/table.h"
#include "tools/json_line.h"

namespace udnn::tools {

base::Value score_value(const training::Evaluation& evaluation) {
  const training::ConfusionMatrix& confusion = evaluation.confusion;
  base::Value recall = base::Value::array(), precision = base::Value::array(), f1 = base::Value::array(),
              matrix = base::Value::array();
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    recall.push_back(confusion.recall(c));
    precision.push_back(confusion.precision(c));
    f1.push_back(confusion.f1(c));
    base::Value row = base::Value::array();
    for (std::size_t p = 0; p < confusion.classes(); ++p) row.push_back(confusion.count(c, p));
    matrix.push_back(std::move(row));
  }
  return base::Value::object({{"accuracy", confusion.accuracy()},
                              {"kappa", confusion.kappa()},
                              {"loss", finite_or_null(evaluation.loss)},
                              {"macro_recall", confusion.macro_recall()},
                              {"macro_precision", confusion.macro_precision()},
                              {"macro_f1", confusion.macro_f1()},
                              {"recall", std::move(recall)},
                              {"precision_by_class", std::move(precision)},
                              {"f1", std::move(f1)},
                              {"confusion", std::move(matrix)},
                              {"without_prediction", confusion.without_prediction()},
                              {"samples", confusion.total()}});
}

void print_score(const training::Evaluation& evaluation, std::span<const std::string> class_names) {
  const training::ConfusionMatrix& confusion = evaluation.confusion;
  fmt::print("accuracy {:.2f} %, kappa {:.4f}, loss {}, macro recall {:.4f}, precision {:.4f}, F1 {:.4f}\n",
             100 * confusion.accuracy(), confusion.kappa(), report::four_decimals(evaluation.loss),
             confusion.macro_recall(), confusion.macro_precision(), confusion.macro_f1());
  if (confusion.without_prediction() > 0)
    fmt::print("{} samples without a prediction: an output was NaN\n", confusion.without_prediction());
  constexpr std::size_t kMostClasses = 20;
  if (confusion.classes() > kMostClasses) return;
  std::vector<std::uint64_t> counts;
  for (std::size_t t = 0; t < confusion.classes(); ++t)
    for (std::size_t p = 0; p < confusion.classes(); ++p) counts.push_back(confusion.count(t, p));
  fmt::print("{}", report::confusion_table(counts, confusion.classes(), class_names).text());
}

}  // namespace udnn::tools
